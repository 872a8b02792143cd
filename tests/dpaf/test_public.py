import inspect

from guise import dpaf


def test_what_is_public_is_what_is_listed_and_documented():
    visible = {name for name, value in vars(dpaf).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert visible == set(dpaf.__all__)
    for name in dpaf.__all__:
        value = getattr(dpaf, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
