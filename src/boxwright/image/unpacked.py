"""An uncompressed stream that owns the packed one below it."""

from __future__ import annotations

from typing import BinaryIO

from boxwright.layer.compression import open_decompressed
from boxwright.layer.streams import PieceStream


class Unpacked(PieceStream):
    """What a packed stream holds, whatever it is compressed with; closing it closes the packed one too.

    Reading raises DamagedStream.
    """

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        super().__init__(iter(open_decompressed(packed).read1, b""))

    def close(self) -> None:
        self._packed.close()
        super().close()
