"""A release as FRBench publishes it, of networks with random weights, in a folder and on a server of our own."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

SMALL = "frbench:mobilefacenet/arcface/ms1m"
HYBRID = "frbench:mobilevit-s/arcface/ms1m"
PLAIN: dict[str, Any] = {"size": [112, 112], "mean": [0.5] * 3, "var": [0.5] * 3, "channel": "rgb"}


def key_of(name: str) -> str:
    return name.removeprefix("frbench:").replace("/", "_")


def backbone_of(name: str, **options: Any) -> nn.Module:
    """One of FRBench's backbones, with random weights under which signals neither fade nor explode."""
    from frbench.backbones import build_backbone

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: nn.Module = build_backbone(key_of(name).split("_")[0], options, torch.device("cpu"))
        norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
        momenta = [layer.momentum for layer in norms]
        for layer in norms:
            layer.momentum = 1.0
        with torch.no_grad():
            network.train()(2 * torch.rand(4, 3, 112, 112) - 1)
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum
    return network.eval().requires_grad_(False)


def publish(
    folder: Path,
    networks: Mapping[str, nn.Module],
    *,
    given: Mapping[str, Any] = PLAIN,
    options: Mapping[str, Any] | None = None,
    **config: Any,
) -> Path:
    """Write archives and their manifest; `config` replaces fields of the configurations. Returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {"__meta__": {"schema_version": 1}}
    for name, network in networks.items():
        key = key_of(name)
        file = io.BytesIO()
        torch.save(network.state_dict(), file)
        described = {"backbone": {"name": key.split("_")[0], "kwargs": dict(options or {})}, "input": dict(given)}
        contents = {"config": f"{key}.yaml", "weight": f"{key}.pth"}
        archive = folder / f"{key}.tar.gz"
        _pack(archive, key, {contents["weight"]: file.getvalue(), contents["config"]: yaml.dump(described | config)})
        content = archive.read_bytes()
        manifest[key] = {
            "asset_name": archive.name,
            "target_name": key,
            "contents": contents,
            "size": len(content),
            "sha": hashlib.sha256(content).hexdigest(),
        }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _pack(archive: Path, top: str, files: Mapping[str, str | bytes]) -> None:
    with tarfile.open(archive, "w:gz", compresslevel=0) as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def unpack(folder: Path, cache: Path) -> Path:
    """What FRBench itself keeps of a release that it has fetched."""
    cache.mkdir()
    (cache / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as tar:
            tar.extractall(cache, filter="data")
    return cache


@contextmanager
def serving_folder(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder on the loopback: its URL, and the paths that were asked for so far."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}", asked
        finally:
            http.shutdown()
            thread.join()
