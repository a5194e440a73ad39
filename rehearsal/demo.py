"""The command `demo`: the scripted shift without a screen, or the same warehouse opened for hands."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from rehearsal.shift import CANCEL_AT, Shift


def run(out: Path, seed: int, cancel_at: str, *, live: bool, lang: str, few_pictures: bool = False) -> int:
    """Exit status 0 when every step happened, 1 when one did not, 2 when asked for something unknown."""
    if cancel_at not in CANCEL_AT:
        _complain(lang, "unknown_step", cancel_at)
        return 2
    out = out.resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError:
        _complain(lang, "no_folder", str(out))
        return 1
    for made_before in ("data", "screens", "papers", "logs"):
        shutil.rmtree(out / made_before, ignore_errors=True)
    shift = Shift(out, seed, cancel_at, lang, _say, few_pictures=few_pictures)
    if live:
        return shift.open_for_hands()
    _say(_WORDS["begins"][lang].format(out=out))
    summary = shift.play()
    target = out / "summary.json"
    target.write_text(json.dumps(summary, ensure_ascii=False, indent=2), encoding="utf-8")
    _say(_WORDS["done" if summary["ok"] else "failed"][lang].format(out=out, n=len(summary["screens"])))
    return 0 if summary["ok"] else 1


_WORDS = {
    "begins": {
        "zh": "演练开始：中枢、打包台、主管台、客服台各自启动……",
        "en": "The rehearsal begins: hub, packing, supervisor and service desk start by themselves ...",
    },
    "done": {
        "zh": "演练完成。{n} 张界面截图在 {out}/screens，打印的拣货单在 {out}/papers，"
        "摘要是 {out}/summary.json",
        "en": "Done. {n} pictures of the screens are in {out}/screens, the printed slips in {out}/papers, "
        "the summary is {out}/summary.json",
    },
    "failed": {
        "zh": "演练没有走完，哪一步没成见上面，详情在 {out}/summary.json 和 {out}/logs",
        "en": "The rehearsal did not get through: the step is named above, details are in {out}/summary.json "
        "and {out}/logs",
    },
    "no_folder": {
        "zh": "不能在这里建文件夹：{what}。请用 --out 换一个地方。",
        "en": "No folder can be made at {what}. Choose another place with --out.",
    },
    "unknown_step": {
        "zh": "没有「{what}」这个取消时机，可选：{known}",
        "en": "There is no cancel at '{what}'; choose one of {known}",
    },
}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _complain(lang: str, key: str, what: str) -> None:
    sys.stderr.write(_WORDS[key][lang].format(what=what, known=", ".join(CANCEL_AT)) + "\n")
