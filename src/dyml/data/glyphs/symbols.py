"""Which family a sign belongs to: arrows by direction, operators by shape, punctuation, digits, shapes."""

import unicodedata

# In order: the first rule whose word the name holds decides. A word in front of others takes precedence.
_ARROWS = (
    ("harpoons", "HARPOON"),
    ("turning", "CLOCKWISE HOOK LOOP TIP CORNER ZIGZAG"),
    ("left and right", "LEFT-RIGHT LEFT_RIGHT OVER"),
    ("up and down", "UP_DOWN OF"),
    ("diagonal", "NORTH SOUTH"),
    ("left", "LEFTWARDS"),
    ("right", "RIGHTWARDS RIGHT"),
    ("up", "UPWARDS"),
    ("down", "DOWNWARDS"),
)
_MATHEMATICS = (
    ("integrals", "INTEGRAL INTEGRATION CIRCULATION"),
    ("circled operators", "CIRCLED"),
    ("squared operators", "SQUARED"),
    ("less than", "LESS-THAN"),
    ("greater than", "GREATER-THAN"),
    ("precedes", "PRECEDES PRECEDE"),
    ("succeeds", "SUCCEEDS SUCCEED"),
    ("subsets", "SUBSET IMAGE"),
    ("supersets", "SUPERSET ORIGINAL"),
    ("subgroups", "SUBGROUP"),
    ("elements", "ELEMENT CONTAINS CONTAIN"),
    ("tacks", "TACK ASSERTION MODELS TRUE FORCES FORCE TURNSTILE PROVE"),
    ("tildes", "TILDE TILDES ALMOST APPROXIMATELY ASYMPTOTICALLY SIMILAR SINE LAZY"),
    ("equals", "EQUAL EQUALS IDENTICAL EQUIVALENT ESTIMATES CORRESPONDS DEFINITION MEASURED_BY LIMIT"),
    ("and, or, cups and caps", "AND OR XOR NAND NOR UNION INTERSECTION MULTISET CAP CUP"),
    ("products", "PRODUCT BOWTIE TIMES SEMIDIRECT"),
    ("plus and minus", "PLUS MINUS"),
    ("dots", "DOT ELLIPSIS RATIO PROPORTION THEREFORE BECAUSE BULLET EXCESS"),
    ("angles and roots", "ANGLE ROOT TRIANGLE"),
    ("bars", "DIVIDES DIVIDE PARALLEL"),
    ("quantifiers", "ALL EXISTS EXIST"),
)
_SIGNS = (
    ("quotes", "QUOTATION PRIME APOSTROPHE"),
    ("dashes", "DASH HYPHEN MINUS OVERLINE UNDERTIE TIE LINE BAR"),
    ("brackets", "PARENTHESIS BRACKET CEILING FLOOR CORNER CROP DELIMITER"),
    ("question and exclamation", "QUESTION EXCLAMATION INTERROBANG"),
    ("asterisks", "ASTERISK ASTERISKS ASTERISM REFERENCE FLOWER CROSS"),
    ("dots", "DOT DOTS COLON SEMICOLON COMMA STOP ELLIPSIS BULLET TRICOLON POINT LEADER"),
    ("commercial", "MILLE PERCENT TEN NUMERO TELEPHONE OF COPYRIGHT REGISTERED TRADE SUBJECT UNA"),
)
_SHAPES = (
    ("circles", "CIRCLE BULLSEYE"),
    ("triangles", "TRIANGLE"),
    ("suits", "SUIT DIAMOND LOZENGE"),
    ("faces and stars", "FACE SUN STAR"),
    ("planets", "MERCURY FEMALE EARTH MALE JUPITER SATURN NEPTUNE PLUTO ARIES"),
    ("music", "NOTE NOTES MUSIC"),
)
_DIGITS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE"


def sign(code: int) -> tuple[str, str] | None:
    """Return (family, group) of a character that is no letter, or None where it has no place.

    >>> sign(ord("→")), sign(ord("≤")), sign(ord("½"))
    (('arrows', 'right'), ('mathematics', 'less than'), ('numerals', 'fractions'))
    """
    name = unicodedata.name(chr(code), "")
    words = set(name.replace("LEFT RIGHT", "LEFT_RIGHT").replace("UP DOWN", "UP_DOWN").split())
    if code in range(0x2460, 0x2500):
        return (
            "enclosed",
            "digits" if "DIGIT" in words else f"{'capitals' if 'CAPITAL' in words else 'small letters'}",
        )
    if "FRACTION" in words and "SLASH" not in words:
        return "numerals", "fractions"
    if "NUMERAL" in words:
        return "numerals", "roman"
    if code < 0x80 or 0x2070 <= code < 0x20A0 or 0x1D7D8 <= code <= 0x1D7E1 or code in (0xB2, 0xB3, 0xB9):
        digit = next((word for word in _DIGITS.split() if word in words), None)
        if digit:
            return "numerals", digit.lower()
    if "ARROW" in words or "ARROWS" in words or "HARPOON" in words:
        return _first("arrows", _ARROWS, words)
    if code in range(0x2200, 0x2300) or code in range(0x2A00, 0x2B00) or chr(code) in "+<=>¬±×÷":
        return _first("mathematics", _MATHEMATICS, words)
    if code in range(0x20A0, 0x20C0) or chr(code) in "$¢£¤¥":
        return "signs", "currency"
    if code in range(0x2500, 0x2800):
        return _first("shapes", _SHAPES, words) or _first("signs", _SIGNS, words)
    if (
        code < 0x100
        or code in range(0x2000, 0x2500)
        or code in range(0x27C0, 0x2A00)
        or code in range(0x2E00, 0x2E80)
    ):
        return _first("signs", _SIGNS, words)
    return None


def _first(family: str, rules: tuple[tuple[str, str], ...], words: set[str]) -> tuple[str, str] | None:
    for group, keys in rules:
        if words & set(keys.split()):
            return family, group
    return None
