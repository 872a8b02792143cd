import inspect

from guise import chameleon


def test_what_is_public_is_what_is_listed_and_documented():
    visible = {
        name for name, value in vars(chameleon).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert visible == set(chameleon.__all__)
    for name in chameleon.__all__:
        value = getattr(chameleon, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
