r"""What the macros of TeX stand for, as characters: letters, accents, symbols, raised and lowered signs.

Tables only: nothing here reads a text.
"""

import unicodedata

#: `\'e`: a mark that is put on a letter. The names of one letter need a brace or a space before it: `\c{c}`, `\v s`.
ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323", "c": "\u0327", "k": "\u0328",
    "b": "\u0331", "t": "\u0361",
}  # fmt: skip

#: letters of their own
LETTERS = {
    "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ss": "ß", "SS": "ẞ", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ",
    "aa": "å", "AA": "Å", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ", "dj": "đ", "DJ": "Đ",
    "ng": "ŋ", "NG": "Ŋ",
}  # fmt: skip

#: signs that a macro names in prose
SIGNS = {
    "deg": "°", "degree": "°", "textdegree": "°", "copyright": "©", "textcopyright": "©", "textregistered": "®",
    "texttrademark": "™", "LaTeX": "LaTeX", "LaTeXe": "LaTeX2e", "TeX": "TeX", "BibTeX": "BibTeX", "ldots": "…",
    "dots": "…", "textellipsis": "…", "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^",
    "textless": "<", "textgreater": ">", "textbar": "|", "textendash": "–", "textemdash": "—", "textunderscore": "_",
    "textdollar": "$", "textpercent": "%", "textquotesingle": "'", "textquoteleft": "‘", "textquoteright": "’",
    "textquotedblleft": "“", "textquotedblright": "”", "lq": "‘", "rq": "’", "S": "§", "P": "¶", "pounds": "£",
    "euro": "€", "texteuro": "€", "textmu": "µ", "textmugreek": "µ", "textonehalf": "½", "textperiodcentered": "·",
    "textbullet": "•", "textasteriskcentered": "*", "guillemotleft": "«", "guillemotright": "»", "slash": "/",
    "eg": "e.g.", "ie": "i.e.", "etc": "etc.", "etal": "et al.", "iid": "i.i.d.", "wrt": "w.r.t.", "vs": "vs.",
    "cf": "cf.", "aka": "a.k.a.", "textrightarrow": "→", "textleftarrow": "←", "textuparrow": "↑",
    "textdownarrow": "↓", "texttimes": "×", "textpm": "±", "textcelsius": "℃", "percent": "%",
    "and": "·", "NP": "NP", "np": "NP",
}  # fmt: skip

_GREEK = (
    "alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ "
    "mu μ nu ν xi ξ omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ "
    "psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω "
    "ell ℓ hbar ℏ imath ı jmath ȷ Re ℜ Im ℑ wp ℘ aleph ℵ partial ∂ nabla ∇"
)
_RELATIONS = (
    "leq ≤ le ≤ leqslant ⩽ geq ≥ ge ≥ geqslant ⩾ ll ≪ gg ≫ neq ≠ ne ≠ approx ≈ approxeq ≊ sim ∼ simeq ≃ cong ≅ "
    "equiv ≡ propto ∝ in ∈ notin ∉ ni ∋ subset ⊂ subseteq ⊆ subsetneq ⊊ supset ⊃ supseteq ⊇ prec ≺ succ ≻ preceq ⪯ "
    "succeq ⪰ to → rightarrow → longrightarrow ⟶ leftarrow ← gets ← leftrightarrow ↔ longleftrightarrow ⟷ "
    "Rightarrow ⇒ implies ⇒ Leftarrow ⇐ iff ⇔ Leftrightarrow ⇔ mapsto ↦ longmapsto ⟼ hookrightarrow ↪ uparrow ↑ "
    "downarrow ↓ updownarrow ↕ nearrow ↗ searrow ↘ rightleftharpoons ⇌ leadsto ⇝ rightsquigarrow ⇝ mid ∣ parallel ∥ "
    "perp ⊥ models ⊨ vdash ⊢ dashv ⊣ lesssim ≲ gtrsim ≳ triangleq ≜ coloneqq ≔ doteq ≐ asymp ≍ gt > lt < "
    "nearrow ↗ lessgtr ≶ nsubseteq ⊈ nleq ≰ ngeq ≱"
)
_OPERATORS = (
    "times × cdot · div ÷ pm ± mp ∓ ast ∗ star ⋆ circ ∘ bullet • oplus ⊕ ominus ⊖ otimes ⊗ odot ⊙ cup ∪ cap ∩ "
    "wedge ∧ land ∧ vee ∨ lor ∨ setminus ∖ backslash \\ sqcup ⊔ sqcap ⊓ diamond ⋄ ltimes ⋉ rtimes ⋊"
)
_OTHERS = (
    "infty ∞ emptyset ∅ varnothing ∅ forall ∀ exists ∃ nexists ∄ neg ¬ lnot ¬ top ⊤ bot ⊥ angle ∠ triangle △ "
    "square □ Box □ blacksquare ■ checkmark ✓ cmark ✓ xmark ✗ dagger † ddagger ‡ sharp ♯ flat ♭ natural ♮ prime ′ "
    "sum ∑ prod ∏ coprod ∐ int ∫ iint ∬ oint ∮ bigcup ⋃ bigcap ⋂ bigoplus ⨁ bigotimes ⨂ bigvee ⋁ bigwedge ⋀ "
    "ldots … dots … dotsc … cdots ⋯ dotsb ⋯ vdots ⋮ ddots ⋱ langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ "
    "lbrace { rbrace } lbrack [ rbrack ] lvert | rvert | vert | lVert ‖ rVert ‖ Vert ‖ colon : degree ° "
    "blacktriangle ▲ blacktriangledown ▼ triangleup △ triangledown ▽ lozenge ◊ bigstar ★ clubsuit ♣ diamondsuit ♢ "
    "heartsuit ♡ spadesuit ♠ therefore ∴ because ∵ surd √ lbrack ["
)


def _words(text: str) -> list[str]:
    return text.split()


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


GREEK = _pairs(_GREEK)  #: names of quantities
RELATIONS = _pairs(_RELATIONS)  #: stand between spaces
OPERATORS = _pairs(_OPERATORS)
SYMBOLS = GREEK | RELATIONS | OPERATORS | _pairs(_OTHERS)
LARGE = frozenset("∑∏∐∫∬∮⋃⋂⨁⨂⋁⋀")  #: operators that take limits

FUNCTIONS = frozenset(
    _words(
        "log ln lg exp sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan max min sup inf lim limsup "
        "liminf det dim ker deg gcd hom arg Pr argmax argmin mod bmod softmax sign sgn tr Tr rank span diag poly "
        "polylog"
    )
)

#: letters of the blackboard, where the common plane of Unicode has them: others are missing in many fonts
BLACKBOARD = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))

#: accents over a sign of a formula
OVER = {
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304",
    "overline": "\u0305", "vec": "\u20d7", "dot": "\u0307", "ddot": "\u0308", "check": "\u030c", "breve": "\u0306",
    "acute": "\u0301", "grave": "\u0300", "mathring": "\u030a", "underline": "\u0332",
}  # fmt: skip

RAISED = dict(
    zip(
        "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδεθιφχ",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᵋᶿᶥᵠᵡ",
        strict=True,
    )
) | {"−": "⁻", "∘": "°", "°": "°", "′": "′", "*": "*", "∗": "*", "†": "†", "‡": "‡", "⋆": "⋆", "⊤": "ᵀ"}
LOWERED = dict(zip("0123456789+-=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True)) | {
    "−": "₋"
}

#: macros whose last argument is what they show: the number of arguments
SHOWN = dict.fromkeys(
    _words(
        "textbf textit texttt textsc textrm textsf textup textmd textsl textnormal text emph underline mbox hbox fbox "
        "uline ul hl sout st uwave uppercase enquote textquote ac acs acl acp acf gls glspl Gls mathrm mathbf mathit "
        "mathsf mathtt keywords title centerline textls boldsymbol bm MakeUppercase ref eqref autoref cref Cref "
        "key rev textmath textulc"
    ),
    1,
) | dict.fromkeys(_words("textcolor colorbox hyperlink hyperref raisebox scalebox foreignlanguage resizebox"), 2)

#: macros that show nothing: the number of arguments
GONE = dict.fromkeys(
    _words(
        "noindent small large Large LARGE huge Huge footnotesize scriptsize tiny normalsize centering xspace bf it em "
        "tt sc rm sf sl bfseries itshape ttfamily scshape rmfamily sffamily upshape mdseries protect maketitle relax "
        "null displaystyle textstyle smallskip medskip bigskip hfill footnotemark selectfont par newline linebreak "
        "item allowbreak leavevmode unskip ignorespaces normalfont"
    ),
    0,
) | dict.fromkeys(_words("label vspace hspace color begin end thispagestyle pagestyle vskip index"), 1)
BREAKS = frozenset(_words("par newline linebreak begin end item vspace hspace hfill"))  #: those that part words
CITES = frozenset(_words("cite citep citet citealp citealt citeauthor parencite textcite autocite citeyear nocite"))
ASIDES = frozenset(_words("footnote footnotetext thanks"))
ESCAPED = frozenset("%&_#${}")
SPACES = {" ": " ", "\n": " ", "\t": " ", ",": "\xa0", ";": " ", ":": " ", ">": " ", "\\": " ", "quad": " "} | {
    "qquad": " ", "enspace": " ", "thinspace": "\xa0", "nobreakspace": "\xa0"
}  # fmt: skip
EMPTY = frozenset("!/-@")
#: parts of formulas that also stand alone in prose: the number of arguments
STRUCTURES = dict.fromkeys(_words("frac tfrac dfrac binom"), 2) | dict.fromkeys(
    [*_words("sqrt mathbb mathcal mathscr mathfrak mathbbm ensuremath"), *OVER], 1
)

#: words within a formula
MATH_WORDS = frozenset(
    _words(
        "emph hbox mbox operatorname text textbf textit textmd textnormal textrm textsc textsf textsl texttt "
        "textup uline underline"
    )
)

#: looks of letters that a line of text has no room for
FACES = frozenset(
    _words(
        "bm bold boldsymbol boxed cal displaystyle ensuremath mathbbm mathbf mathbin mathcal mathclose mathds "
        "mathfrak mathit mathnormal mathop mathopen mathord mathrel mathrm mathscr mathsf mathtt overbrace "
        "phantom pmb smash underbrace"
    )
)

#: what changes the looks of all that follows in a formula, or of nothing
SWITCHES = frozenset(
    _words(
        "Big Bigg Biggl Biggr Bigl Bigr allowbreak bf bfseries big bigg biggl biggr bigl bigm bigr cal "
        "displaystyle em it itshape large left limits mathstrut middle mit nobreak noindent nolimits nonumber "
        "normalsize notag protect right rm sc scriptscriptstyle scriptstyle sf sl small strut textstyle tt "
        "xspace"
    )
)

#: what says nothing in a formula, with its argument
SKIPPED = frozenset(_words("begin color end hskip hspace label mathchoice tag vspace"))
MATH_SPACES = frozenset([*",:;> ", *_words("quad qquad hfill thinspace enspace")])


def accented(mark: str, letters: str) -> str:
    r"""
    `letters` with the accent `mark` (a key of ACCENTS) on the first one.

    >>> accented("'", "e"), accented('"', "ı"), accented("c", "c")
    ('é', 'ï', 'ç')
    """
    dotless = {"ı": "i", "ȷ": "j"}
    first = dotless.get(letters[:1], letters[:1])
    return unicodedata.normalize("NFC", first + ACCENTS[mark]) + letters[1:]
