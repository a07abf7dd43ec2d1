"""Many callers through a faulty network, for a minute: nobody gets another's reply, nothing runs twice, nothing leaks."""

from __future__ import annotations

import subprocess
from pathlib import Path

LIMIT = 150  # seconds from when it is waited for; a round that hangs ends its callers after eight


def test_soak(soaking: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, told = soaking
    try:
        code = process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        code = None
    assert code == 0, told.read_text()
