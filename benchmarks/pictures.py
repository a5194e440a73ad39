"""Photographs of barcodes that nobody here made, with the text a correct reader returns (64 of zxing-cpp's own test
pictures: Code 128, Code 39, ITF, EAN-13, UPC-A, QR; about a tenth beyond any reader on purpose). Each is read by the
chain of the `decode` command; the reference is plain zxing-cpp and plain pyzbar with their default options. The three
take turns, picture by picture, and each picture's shortest of three readings counts. A text is right when the truth is
among the results; any other text is wrong, also where another code truly is in the picture. Skipped with a word where
the pictures are missing.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import zxingcpp

from app.codes import Reader
from benchmarks.report import Figure, milliseconds, percentile
from rehearsal.processes import ROOT

TITLE = "Barcodes in pictures"
SAMPLES = ROOT.parent / "shared" / "data" / "barcodes"
_ROUNDS = 3


@dataclass
class _Read:
    """Of one reader: pictures read right, texts that are not the truth, seconds of each picture."""

    right: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)


def run(quick: bool = False) -> list[Figure]:
    if not (SAMPLES / "manifest.csv").is_file():
        return [
            Figure(
                what="64 pictures", ours="-", reference="not measured: the pictures are missing", ratio="-"
            )
        ]
    with (SAMPLES / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[: 8 if quick else None]
    readers = _readers()
    reads = {name: _Read() for name in readers}
    for row in rows:
        data = np.fromfile(SAMPLES / row["file"], np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        truth = (SAMPLES / row["truth_file"]).read_bytes().decode("utf-8").strip("\r\n")
        for name, seconds, texts in _in_turns(readers, picture):
            read = reads[name]
            read.seconds.append(seconds)
            is_right = bool(texts & {truth, "0" + truth})  # the same article number with its leading zero
            read.right += is_right
            read.wrong += len(texts - {truth, "0" + truth})
    return _figures(len(rows), reads)


def _readers() -> dict[str, Callable[[Any], set[str]]]:
    from pyzbar import pyzbar

    ours = Reader()
    return {
        "ours": lambda picture: {code.text.strip("\r\n") for code in ours.read_image(picture)},
        "zxing-cpp": lambda picture: {
            code.text.strip("\r\n")
            for code in zxingcpp.read_barcodes(picture, text_mode=zxingcpp.TextMode.Plain)
            if code.valid
        },
        "pyzbar": lambda picture: {
            found.data.decode("utf-8", "replace").strip("\r\n") for found in pyzbar.decode(picture)
        },
    }


def _in_turns(
    readers: dict[str, Callable[[Any], set[str]]], picture: Any
) -> list[tuple[str, float, set[str]]]:
    best: dict[str, float] = {}
    texts: dict[str, set[str]] = {}
    for _ in range(_ROUNDS):
        for name, read in readers.items():
            began = time.perf_counter()
            texts[name] = read(picture)
            seconds = time.perf_counter() - began
            best[name] = min(best.get(name, seconds), seconds)
    return [(name, best[name], texts[name]) for name in readers]


def _figures(count: int, reads: dict[str, _Read]) -> list[Figure]:
    ours = reads["ours"]
    figures = []
    for name in ("zxing-cpp", "pyzbar"):
        other = reads[name]
        figures.append(
            Figure(
                what=f"{count} pictures, read right, beside plain {name}",
                ours=f"{ours.right}, {ours.wrong} other texts",
                reference=f"{other.right}, {other.wrong} other texts",
                ratio=f"{ours.right / max(1, other.right):.2f}",
                aim="more than either alone",
                passed=ours.right > other.right,
            )
        )
        figures.append(
            Figure(
                what=f"time of a picture beside plain {name}, p50 / p95",
                ours=_times(ours),
                reference=_times(other),
                ratio=f"{percentile(ours.seconds, 0.5) / percentile(other.seconds, 0.5):.2f}",
            )
        )
    return figures


def _times(read: _Read) -> str:
    return f"{milliseconds(percentile(read.seconds, 0.5))} / {milliseconds(percentile(read.seconds, 0.95))}"
