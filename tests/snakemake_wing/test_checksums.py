"""Each input is read once, and again when it has changed."""

import asyncio
import os

from ethomake.snakemake.checksums import remembering


def test_an_unchanged_file_is_read_once(tmp_path):
    read = []

    async def checksum(self, threshold=None, force=False, algorithm=None):
        read.append((str(self), threshold))
        return len(read)

    ours = remembering(checksum)

    def ask(*given, **options):
        return asyncio.run(ours(*given, **options))

    file = tmp_path / "a"
    file.write_text("one")
    assert [ask(str(file), 9), ask(str(file), 9), ask(str(file), threshold=7)] == [1, 1, 2]
    file.write_text("another")
    os.utime(file, ns=(1, 1))
    assert ask(str(file), 9) == 3
    assert [ask("gone", 9), ask("gone", 9)] == [4, 5], "of what is elsewhere nothing is known"
