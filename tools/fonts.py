"""The fonts of PNG pictures, made from DejaVu Sans Mono: fewer characters, coarser outlines.

    pip install fonttools
    python tools/fonts.py /usr/share/fonts/truetype/dejavu

Writes `ptyjobs/fonts/*-subset.ttf`. Needed only to change them: they lie in the repository. The
outlines are rounded to a grid of 256 units an em, a quarter of a pixel at the largest scale of a
picture. Bold are only letters, digits and punctuation; symbols are taken from the regular font.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem

INTO = Path(__file__).parents[1] / "ptyjobs" / "render" / "fonts"
LETTERS = (range(0x20, 0x180), range(0x300, 0x310), range(0x370, 0x460), range(0x2010, 0x2050))
# Box drawing and blocks (0x2500 to 0x259F) are drawn as rectangles.
SYMBOLS = (range(0x2050, 0x2500), range(0x25A0, 0x27F0), range(0xFFFD, 0xFFFE))
UNITS = 256
NAMES = ["0", "1", "2", "4", "5", "6", "13", "14"]  # copyright, family, version, licence


def make(source: Path, *ranges: range) -> None:
    """One subset beside the others."""
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.name_IDs = NAMES
    options.name_languages = [0x409]
    options.notdef_outline = True
    options.drop_tables += ["GDEF", "GPOS", "GSUB", "gasp"]
    font = TTFont(source, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for codes in ranges for code in codes])
    subsetter.subset(font)
    scale_upem(font, UNITS)
    target = INTO / f"{source.stem}-subset.ttf"
    font.save(target)
    print(f"{target.name}: {len(font.getBestCmap())} characters, {target.stat().st_size} bytes")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("folder", type=Path, help="where DejaVuSansMono.ttf and its bold stand")
    folder = words.parse_args().folder
    make(folder / "DejaVuSansMono.ttf", *LETTERS, *SYMBOLS)
    make(folder / "DejaVuSansMono-Bold.ttf", *LETTERS)


if __name__ == "__main__":
    main()
