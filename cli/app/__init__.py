"""`guise app`: the main job on a page of this machine, for people who do not use a terminal.

The server process holds the state and never imports torch. Worker processes, one a tab
(`guise.cli.app.worker`), call the library. Nothing leaves the machine; `guise.cli.app.server.guard` says who may ask.
"""

from __future__ import annotations

from pathlib import Path

import click

from guise.models.errors import InputError


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page. [default: any that is free]")
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where keys, and copies of photos that you drop on the page, are kept. [default: Guise in your home folder]",
)
@click.option("--recogniser", "recognisers", multiple=True, help="As of `protect`.")
@click.option("--refine", type=click.IntRange(0, 1000), help="As of `protect`. [default: 40]")
@click.option("--patience", type=click.IntRange(0, 10), help="As of `protect`. [default: 1]")
@click.option("--learning-steps", type=click.IntRange(1, 10_000), hidden=True, help="For tests: a quick, weak mask.")
@click.option("--device", default="auto", show_default=True, help="Where to compute: cpu, cuda, ...")
def app(
    port: int,
    no_browser: bool,
    home: Path | None,
    recognisers: tuple[str, ...],
    refine: int | None,
    patience: int | None,
    learning_steps: int | None,
    device: str,
) -> None:
    """Protect photos on a page in your browser. The page and your photos stay on this machine.

    Choose photos, say who you are, and get copies. Stop with Ctrl-C. Photos that you dropped on the page are then
    deleted; your originals, the copies and the key stay.
    """
    try:
        from guise.cli.app.server.serving import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "anyio"):
            raise
        raise InputError(
            f"`guise app` needs the extra `app`, and {error.name} is missing: `pip install '.[app]'` in Guise's clone"
        ) from None
    from guise.cli.app.settings import Settings

    place = (home or Path.home() / "Guise").absolute()
    settings = Settings(
        home=place,
        recognisers=recognisers,
        refine=refine,
        patience=patience,
        learning_steps=learning_steps,
        device=device,
    )
    serve(settings, port=port, browser=not no_browser)
