"""Which family a sign belongs to: arrows by direction, operators by shape, digits, punctuation, shapes."""

import unicodedata

# Rules in order: a sign belongs to the first group of which its name holds a word or (with _) a phrase.
_ARROWS = (
    ("harpoons", "HARPOON"),
    ("diagonal", "NORTH SOUTH"),
    ("turning", "CLOCKWISE ANTICLOCKWISE HOOK LOOP TIP CORNER ZIGZAG"),
    ("left and right", "LEFT_RIGHT OVER"),
    ("up and down", "UP_DOWN OF"),
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
    ("subgroups", "SUBGROUP"),
    ("subsets", "SUBSET SQUARE_IMAGE"),
    ("supersets", "SUPERSET SQUARE_ORIGINAL"),
    ("elements", "ELEMENT CONTAINS CONTAIN"),
    ("tacks", "TACK ASSERTION MODELS TRUE FORCES FORCE TURNSTILE PROVE"),
    ("tildes", "TILDE ALMOST APPROXIMATELY_EQUAL BUT_NOT_ACTUALLY NOR_ACTUALLY ASYMPTOTICALLY SINE LAZY"),
    ("equals", "EQUAL EQUALS IDENTICAL EQUIVALENT ESTIMATES CORRESPONDS DEFINITION MEASURED_BY LIMIT"),
    ("plus, minus, times", "PLUS MINUS MULTIPLICATION_SIGN DIVISION_SIGN VECTOR"),
    ("products", "PRODUCT BOWTIE TIMES"),
    ("and, or, cups and caps", "AND OR XOR NAND NOR UNION INTERSECTION MULTISET CAP CUP"),
    ("dots", "DOT ELLIPSIS RATIO PROPORTION THEREFORE BECAUSE BULLET EXCESS"),
    ("angles and roots", "ANGLE ROOT TRIANGLE"),
    ("bars", "DIVIDES DIVIDE PARALLEL"),
)
_SHAPES = (
    ("circles", "CIRCLE BULLSEYE"),
    ("triangles", "TRIANGLE"),
    ("suits", "SUIT DIAMOND LOZENGE"),
    ("planets", "MERCURY FEMALE EARTH MALE JUPITER SATURN NEPTUNE PLUTO ARIES"),
    ("music", "NOTE NOTES MUSIC"),
)
_SIGNS = (
    ("quotes", "QUOTATION PRIME APOSTROPHE"),
    ("question and exclamation", "QUESTION EXCLAMATION INTERROBANG"),
    ("asterisks", "ASTERISK ASTERISKS ASTERISM REFERENCE FLOWER CROSS"),
    ("brackets", "PARENTHESIS BRACKET CEILING FLOOR CORNER CROP DELIMITER"),
    ("editorial", "AMPERSAND COMMERCIAL_AT SECTION PILCROW NUMBER_SIGN DAGGER TIRONIAN"),
    (
        "abbreviations",
        "PERCENT MILLE PER_TEN NUMERO TELEPHONE_SIGN ACCOUNT ADDRESSED CARE_OF UNA FACSIMILE COPYRIGHT "
        "REGISTERED TRADE CELSIUS FAHRENHEIT BAR_SYMBOL",
    ),
    ("dots", "DOT DOTS COLON SEMICOLON COMMA STOP ELLIPSIS BULLET TRICOLON POINT LEADER"),
    ("dashes", "DASH HYPHEN HYPHEN-MINUS BAR LINE OVERLINE UNDERTIE TIE"),
)
_RULES = {"arrows": _ARROWS, "mathematics": _MATHEMATICS, "shapes": _SHAPES, "signs": _SIGNS}
_DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")


def sign(code: int) -> tuple[str, str] | None:
    """Return (family, group) of a character that is no letter, or None where it has no place.

    >>> sign(ord("→")), sign(ord("≤")), sign(ord("½"))
    (('arrows', 'right'), ('mathematics', 'less than'), ('numerals', 'fractions'))
    """
    name = unicodedata.name(chr(code))
    words = name.split()
    if 0x2460 <= code < 0x2500:
        return "enclosed", _enclosed(words)
    if words[0] == "VULGAR" or words[:2] == ["FRACTION", "NUMERATOR"]:
        return "numerals", "fractions"
    if "ROMAN" in words:
        return "numerals", "roman"
    digit = _digit(code, words)
    if digit:
        return "numerals", digit
    if 0x20A0 <= code < 0x20C0 or chr(code) in "$¢£¤¥":
        return "signs", "currency"
    family = _family(code, words)
    group = _group(family, name) if family else None
    return (family, group) if family and group else None


def _enclosed(words: list[str]) -> str:
    if "DIGIT" in words:
        return "digits"
    return "capitals" if "CAPITAL" in words else "small letters"


def _digit(code: int, words: list[str]) -> str | None:
    if chr(code) in "0123456789²³¹" or 0x2070 <= code < 0x20A0 or 0x1D7D8 <= code < 0x1D7E2:
        return next((digit.lower() for digit in _DIGITS if digit in words), None)
    return None


def _family(code: int, words: list[str]) -> str | None:
    if 0x2200 <= code < 0x2300 or 0x2A00 <= code < 0x2B00 or chr(code) in "+<=>±×÷":
        return "mathematics"
    if "ARROW" in words or "ARROWS" in words or "HARPOON" in words:
        return "arrows"
    if 0x2500 <= code < 0x27C0:
        return "shapes"
    if "APL" in words:
        return None
    signs = code < 0x100 or 0x2000 <= code < 0x2500 or 0x27C0 <= code < 0x2A00 or 0x2E00 <= code < 0x2E80
    return "signs" if signs else None


def _group(family: str, name: str) -> str | None:
    for group, keys in _RULES[family]:
        if any(f" {key.replace('_', ' ')} " in f" {name} " for key in keys.split()):
            return group
    return None
