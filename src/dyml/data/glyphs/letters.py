"""Which script and which letter, or series of letters, a character belongs to."""

import re
import unicodedata

# Words of a character's name that tell a form of a letter, not the letter.
_FORMS = (
    "LATIN GREEK CYRILLIC ARMENIAN HEBREW ARABIC LAO MODIFIER LETTER SMALL CAPITAL SUBSCRIPT SUPERSCRIPT "
    "EPIGRAPHIC DOUBLE-STRUCK ITALIC SCRIPT BLACK-LETTER MATHEMATICAL SANS-SERIF TURNED REVERSED INVERTED "
    "ROTATED SIDEWAYS INSULAR LONG DOTLESS BARRED BOTTOM TOP HALF STRETCHED SYMBOL FINAL WIDE TAILLESS "
    "ARCHAIC LUNATE ISOLATED INITIAL MEDIAL FORM DIALECT-P KOMI"
)
_SCRIPTS = {
    "LATIN": "latin",
    "GREEK": "greek",
    "CYRILLIC": "cyrillic",
    "HEBREW": "hebrew",
    "ARABIC": "arabic",
}

# Letters of one shape, or nearly: the first word names the series. A letter not listed is its own series.
_SERIES = {
    "cyrillic": (
        "BE VE HARD-SIGN SOFT-SIGN YERU YAT SEMISOFT-SIGN NEUTRAL-YER|GHE|DE EL DZZE EL-MIDDLE DJE LJE|"
        "IE IO UKRAINIAN-IE ABKHASIAN-CHE|ZHE DZHE|ZE E KSI ABKHASIAN-DZE|I SHORT-I|KA BASHKIR-KA|EN NJE "
        "EN-GHE|TSE SHA SHCHA TE-TSE|CHE KHAKASSIAN-CHE TCHE|YUS LITTLE-YUS BIG-YUS IOTIFIED-LITTLE-YUS "
        "IOTIFIED-BIG-YUS BLENDED-YUS YA|FITA O BARRED-O EF YU|U STRAIGHT-U SHORT-U|OMEGA ROUND-OMEGA OT"
    ),
    "hebrew": (
        "ALEF AYIN TSADI ALTERNATIVE-AYIN|BET KAF PE|GIMEL NUN|DALET RESH|HE HET TAV|VAV ZAYIN YOD "
        "YIDDISH-DOUBLE-VAV YIDDISH-DOUBLE-YOD YIDDISH-VAV-YOD YIDDISH-YOD-YOD|SAMEKH MEM TET|SHIN|LAMED QOF"
    ),
    "arabic": (
        "BEH TEH THEH PEH TTEH TTEHEH TEHEH BEEH BEHEH PEHEH|JEEM HAH KHAH TCHEH NYEH DYEH TCHEHEH|"
        "DAL THAL DDAL DAHAL DDAHAL DUL|REH ZAIN RREH JEH|SEEN SHEEN|SAD DAD|TAH ZAH|AIN GHAIN|"
        "FEH QAF VEH PEHEH|KAF KEHEH GAF NG GUEH NGOEH|NOON|HEH TEH-MARBUTA|WAW U OE YU KIRGHIZ-OE VE|"
        "YEH ALEF-MAKSURA FARSI-YEH E HIGH-HAMZA-YEH|ALEF|LAM LIGATURE-LAM"
    ),
}


def letter(code: int) -> tuple[str, str] | None:
    """Return (script, letter or series) of a letter, or None for any other character.

    >>> letter(ord("Á")), letter(ord("ﬁ")), letter(ord("+"))
    (('latin', 'A'), ('latin', 'ligatures'), None)
    """
    name = unicodedata.name(chr(code), "")
    if name.startswith("CANADIAN SYLLABICS "):
        return "canadian syllabics", _syllable_series(name)
    if name.startswith("BRAILLE PATTERN "):
        return "braille", f"{bin(code & 0xFF).count('1')} dots"
    if name.startswith("GEORGIAN "):
        return "georgian", _georgian_case(code)
    if name.startswith("ARMENIAN "):
        return "armenian", _armenian_case(name)
    if name.startswith("LAO "):
        return "lao", _lao_kind(name)
    return _alphabetic(chr(code), name)


def _alphabetic(character: str, name: str) -> tuple[str, str] | None:
    if "CIRCLED" in name or "DIGIT" in name or "NUMERAL" in name:
        return None
    bases = [c for c in unicodedata.normalize("NFKD", character) if unicodedata.category(c)[0] == "L"]
    if not bases:
        return None
    names = [unicodedata.name(base) for base in bases]
    script = next((_SCRIPTS[word] for word in names[0].split() if word in _SCRIPTS), None)
    script = "latin" if script is None and names[0].startswith("MODIFIER LETTER") else script
    if script is None:
        script = (
            "latin" if re.match(r"(TURNED|ROTATED|REVERSED) (SANS-SERIF )?(CAPITAL|SMALL)", name) else None
        )
    if script is None:
        return None
    letters = {_series(script, _letter_name(n)) for n in names}
    if len(bases) > 1 and script in ("latin", "armenian"):
        return script, "ligatures"
    return script, sorted(letters)[0] if len(letters) == 1 else _series(script, _letter_name(names[0]))


def _letter_name(name: str) -> str:
    words = [word for word in name.split(" WITH ")[0].split() if word not in _FORMS.split()]
    return "-".join(words) or "other"


def _series(script: str, letter_name: str) -> str:
    for series in _SERIES.get(script, "").split("|"):
        if letter_name in series.split():
            return series.split()[0]
    return letter_name


def _syllable_series(name: str) -> str:
    words = name.removeprefix("CANADIAN SYLLABICS ").split()
    if "FINAL" in words or len(words[-1]) == 0:
        return "finals"
    consonants = re.match(r"[^AEIOU]*", words[-1].split("-")[-1])
    series = consonants.group(0) if consonants else ""
    # The dot of W is a small mark beside the syllable; the large shape is the series.
    series = series[:-1] if len(series) > 1 and series.endswith("W") else series
    if words[0] in ("CARRIER", "BLACKFOOT", "SAYISI"):
        return f"{words[0].lower()} {series or 'vowels'}"
    return "vowels" if series in ("", "W") else series


def _georgian_case(code: int) -> str:
    if code >= 0x2D00:
        return "nuskhuri"
    return "asomtavruli" if code < 0x10D0 else "mkhedruli"


def _armenian_case(name: str) -> str:
    if "LETTER" in name:
        return "capitals" if "CAPITAL" in name else "small letters"
    return "ligatures" if "LIGATURE" in name else "marks"


def _lao_kind(name: str) -> str:
    if "DIGIT" in name:
        return "digits"
    return "vowels" if "VOWEL" in name else "consonants"
