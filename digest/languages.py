"""The languages a card may be in: their tags, what prompts must know of them, and whether a text is written in one.

Pure. Looks at scripts and words, knows nothing of cards; names and terms may be in Latin script in any language.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# ---- what is known of each -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the texts should be, in words for a prompt."""

    tldr: str
    field: str  #: each of the others
    headline: str  #: the first line of a note on a change
    other: str  #: its second
    line: int  #: characters that no line of a note goes beyond


@dataclass(frozen=True, slots=True)
class Language:
    """One language as prompts and checks need it."""

    tag: str  #: BCP 47, in its one spelling: "zh-Hans"
    name: str  #: in itself
    english: str  #: in English
    script: str  #: a key of `_SCRIPTS`
    not_stated: str  #: what a field says, and nothing else, where the abstract says nothing
    lengths: Lengths
    style: str = ""  #: a sentence for the prompt, where a language has several manners of writing
    decimal_comma: bool = False  #: "3,5 %" is how it writes 3.5%

    @property
    def root(self) -> str:
        """The language without script and region."""
        return self.tag.partition("-")[0]

    @property
    def prompts(self) -> tuple[str, ...]:
        """What may stand in a prompt file's name for it, best first: Chinese texts bear no mark, English ones "en"."""
        return tuple(dict.fromkeys((self.tag, self.root, *(() if self.root == "zh" else ("en",)), "")))


_HAN_LENGTHS = Lengths("40–100 字", "60–160 字", "15–50 字", "10–50 字", 120)
_JA_LENGTHS = Lengths("60–140 characters", "90–230 characters", "20–70 characters", "10–70 characters", 170)
_KO_LENGTHS = Lengths("60–150 characters", "90–250 characters", "20–80 characters", "10–80 characters", 200)
_WORD_LENGTHS = Lengths("25–60 words", "35–100 words", "10–30 words", "5–30 words", 320)

_DE_STYLE = "Keep established English terms where German researchers use them, with German articles and cases."
_TABLE = (
    Language("zh-Hans", "简体中文", "Chinese", "Hans", "摘要未说明", _HAN_LENGTHS),
    Language("zh-Hant", "繁體中文", "Chinese", "Hant", "摘要未說明", _HAN_LENGTHS),
    Language(
        "ja", "日本語", "Japanese", "Jpan", "要旨に記載なし", _JA_LENGTHS, "Write in plain written style (である調)."
    ),
    Language("ko", "한국어", "Korean", "Kore", "초록에 언급 없음", _KO_LENGTHS, "Write in plain written style (-다)."),
    Language("en", "English", "English", "Latn", "not stated in the abstract", _WORD_LENGTHS),
    Language("de", "Deutsch", "German", "Latn", "im Abstract nicht angegeben", _WORD_LENGTHS, _DE_STYLE, True),
)
#: Tag, name, name in English, script, "not stated"; those with a * write a decimal comma.
_OTHERS = """
fr* français|French|Latn|non précisé dans le résumé
es* español|Spanish|Latn|no se indica en el resumen
it* italiano|Italian|Latn|non indicato nell'abstract
pt* português|Portuguese|Latn|não informado no resumo
nl* Nederlands|Dutch|Latn|niet vermeld in de samenvatting
ca* català|Catalan|Latn|no s'indica al resum
pl* polski|Polish|Latn|nie podano w streszczeniu
cs* čeština|Czech|Latn|v abstraktu neuvedeno
sk* slovenčina|Slovak|Latn|v abstrakte neuvedené
hu* magyar|Hungarian|Latn|az absztrakt nem közli
ro* română|Romanian|Latn|nu este precizat în rezumat
sv* svenska|Swedish|Latn|anges inte i sammanfattningen
da* dansk|Danish|Latn|ikke angivet i resuméet
nb* norsk bokmål|Norwegian|Latn|ikke oppgitt i sammendraget
fi* suomi|Finnish|Latn|ei mainita tiivistelmässä
tr* Türkçe|Turkish|Latn|özette belirtilmemiş
vi* Tiếng Việt|Vietnamese|Latn|không nêu trong tóm tắt
id* Bahasa Indonesia|Indonesian|Latn|tidak disebutkan dalam abstrak
ms Bahasa Melayu|Malay|Latn|tidak dinyatakan dalam abstrak
ru* русский|Russian|Cyrl|в аннотации не указано
uk* українська|Ukrainian|Cyrl|в анотації не зазначено
bg* български|Bulgarian|Cyrl|не е посочено в резюмето
el* ελληνικά|Greek|Grek|δεν αναφέρεται στην περίληψη
he עברית|Hebrew|Hebr|לא צוין בתקציר
ar العربية|Arabic|Arab|غير مذكور في الملخص
fa فارسی|Persian|Arab|در چکیده ذکر نشده است
hi हिन्दी|Hindi|Deva|सारांश में उल्लेख नहीं है
bn বাংলা|Bengali|Beng|সারাংশে উল্লেখ নেই
th ไทย|Thai|Thai|ไม่ได้ระบุในบทคัดย่อ
"""


def _others() -> Iterable[Language]:
    for line in _OTHERS.split("\n")[1:-1]:
        tag, _, rest = line.partition(" ")
        name, english, script, not_stated = rest.split("|")
        yield Language(
            tag.rstrip("*"), name, english, script, not_stated, _WORD_LENGTHS, decimal_comma=tag.endswith("*")
        )


LANGUAGES = {one.tag: one for one in (*_TABLE, *_others())}
DEFAULT = "zh-Hans"


@lru_cache(maxsize=64)
def language_of(tag: str) -> Language:
    """
    What is known of a language; of one that isn't in the table, a guess: Latin letters, the phrase in English.

    >>> language_of("pt-BR").name, language_of("zh-TW").name
    ('português (BR)', '繁體中文')
    """
    try:
        tag = canonical_language(tag)
    except ValueError:
        return Language(tag, tag, tag, "Latn", LANGUAGES["en"].not_stated, _WORD_LENGTHS)
    if known := LANGUAGES.get(tag):
        return known
    root, _, region = tag.partition("-")
    base = LANGUAGES[root]
    return Language(
        tag,
        f"{base.name} ({region})",
        base.english,
        base.script,
        base.not_stated,
        base.lengths,
        base.style,
        base.decimal_comma and tag not in _WITH_POINT,
    )


# ---- tags ------------------------------------------------------------------------------------------------------

_TAG = re.compile(r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|\d{3}))?")
_RENAMED = {"no": "nb", "iw": "he", "in": "id"}
_HANT_REGIONS = frozenset({"TW", "HK", "MO"})
_WITH_POINT = frozenset({"es-MX", "de-CH", "it-CH"})
#: What people write for a language that has another tag; some are the tags of countries.
_MEANT = {"jp": "ja", "kr": "ko", "cn": "zh-Hans", "tw": "zh-Hant", "hk": "zh-Hant", "gr": "el", "ua": "uk", "cz": "cs"}
_MEANT |= {"chs": "zh-Hans", "cht": "zh-Hant", "chinese": "zh-Hans", "中文": "zh-Hans", "gb": "en", "us": "en"}
_MEANT |= {name.lower(): tag for tag, one in LANGUAGES.items() if one.root != "zh" for name in (one.english, one.name)}
_MEANT |= {LANGUAGES[tag].name: tag for tag in ("zh-Hans", "zh-Hant")} | {"繁体中文": "zh-Hant"}


def canonical_language(text: str) -> str:
    """
    A BCP 47 tag in the one spelling used here: without a script or region that says nothing.

    Raises:
        ValueError: it is no tag, or of no language that is known here; says which may have been meant.

    Source: https://www.rfc-editor.org/rfc/rfc5646

    >>> [canonical_language(tag) for tag in ("zh-CN", "zh_tw", "ZH", "ja-JP", "en-us", "PT-br")]
    ['zh-Hans', 'zh-Hant', 'zh-Hans', 'ja', 'en-US', 'pt-BR']
    """
    found = _TAG.fullmatch(text.strip().replace("_", "-"))
    root, script, region = found.groups("") if found else ("", "", "")
    root, script, region = _RENAMED.get(root.lower(), root.lower()), script.title(), region.upper()
    if root == "zh" and script in ("", "Hans", "Hant"):
        return "zh-Hant" if "Hant" in (script or ("Hant" if region in _HANT_REGIONS else "")) else "zh-Hans"
    known = LANGUAGES.get(root)
    if known is None or script not in ("", known.script):
        meant = _MEANT.get(text.strip().lower()) or (root in LANGUAGES and root)
        raise ValueError(
            f"{text[:40]!r} is no language that is known here; "
            + (f"did you mean {meant}?" if meant else f"known are {', '.join(LANGUAGES)}")
        )
    return f"{root}-{region}" if region and region != root.upper() and root not in ("ja", "ko") else root


# ---- scripts ---------------------------------------------------------------------------------------------------

_HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
_LATIN = "A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ"
_SCRIPTS = {
    "Hans": _HAN,
    "Hant": _HAN,
    "Jpan": _HAN + _KANA,
    "Kore": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7af",
    "Cyrl": "\u0400-\u052f",
    "Grek": "\u0370-\u03ff\u1f00-\u1fff",
    "Hebr": "\u0590-\u05ff",
    "Arab": "\u0600-\u06ff\u0750-\u077f",
    "Deva": "\u0900-\u097f",
    "Beng": "\u0980-\u09ff",
    "Thai": "\u0e00-\u0e7f",
    "Latn": _LATIN,
}
_DENSE = ("Hans", "Hant", "Jpan", "Kore")  #: a letter says as much as several Latin ones
_FORMULAS = ("Latn", "Grek")  #: letters of names and formulas: strange in no language


@lru_cache
def _strange(script: str) -> re.Pattern[str]:
    """Runs of letters that a text in `script` has no use for."""
    own = _SCRIPTS[script]
    return re.compile(
        f"[{''.join({part for name, part in _SCRIPTS.items() if part not in own and name not in (*_FORMULAS, 'Jpan')})}"
        f"{'' if _KANA in own else _KANA}]+"
    )


_OWN = {name: re.compile(f"[{letters}]+") for name, letters in _SCRIPTS.items()}
_KANA_RUN = re.compile(f"[{_KANA}]+")
_TEX = re.compile(r"\$[^$]{1,300}\$|\\[A-Za-z]+")
_LOWER_WORD = re.compile(r"(?<![A-Za-z0-9À-ɏ])[a-zß-ɏ]+(?![A-Za-z0-9À-ɏ])")  # a name has a capital or a digit
_ENGLISH_RUN = re.compile(r"[A-Za-z][A-Za-z0-9'’/-]*(?:[ ,:]{1,2}[A-Za-z][A-Za-z0-9'’/-]*){5,}")
LEAST_SHARE = 0.3  #: of a field's letters, names apart, in the script of the asked language
MOST_STRANGE = 0.25  #: letters of other scripts for each one of its own
LEAST_KANA = 0.15  #: of the letters of a Japanese text
MANY = 3  #: letters that a language never needs, in one text


def foreign(text: str, source: str, language: str) -> str | None:
    """
    Why `text` is not in the asked language, or None. Names and terms may be in Latin script.

    Args:
        text: A field of a card, on one line.
        source: Title and abstract of its paper, in lower case: English that it has may be quoted.
        language: A BCP 47 tag.
    """
    asked = language_of(language)
    if "$" in text or "\\" in text:
        text = _TEX.sub(" ", text)
    own = _length(_OWN[asked.script].findall(text))
    if own < 2 or _length(_strange(asked.script).findall(text)) > MOST_STRANGE * own:
        return f"is not in {asked.english}"
    if asked.script == "Latn":
        return _other_latin(text, asked)
    return _in_latin(text, own, source, asked) or _in_other_characters(text, own, source, asked)


def _length(runs: Iterable[str]) -> int:
    return sum(map(len, runs))


def _in_latin(text: str, own: int, source: str, asked: Language) -> str | None:
    """Why a text that should be in another script is too much in Latin letters, or None."""
    words = _LOWER_WORD.findall(text)
    own *= 1 + (asked.script in _DENSE)
    if own < LEAST_SHARE * (own + _length(words)):
        return f"is not in {asked.english}"
    for run in _ENGLISH_RUN.findall(text) if len(words) > 4 else ():
        lower = sum(word[0].islower() for word in run.split())
        if lower > 4 and (lower > 11 or run.lower() not in " ".join(source.split())):
            return f"is not in {asked.english}: {run[:60]}"
    return None


def _in_other_characters(text: str, own: int, source: str, asked: Language) -> str | None:
    """Why a text in the right script is in another language that uses it, or None."""
    if asked.script == "Jpan":
        kana = _length(_KANA_RUN.findall(text))
        return "is not in Japanese: it has hardly any kana" if kana < LEAST_KANA * own else None
    if asked.tag not in _NEVER:
        return None
    never, kind = _NEVER[asked.tag]
    if len(never.findall(text)) < MANY:  # one or two are a slip, which is no reason to have no card
        return None
    found = [letter for letter in never.findall(_QUOTED.sub("", text)) if letter not in source]
    return f"is in {kind}: {''.join(dict.fromkeys(found))[:12]}" if len(found) >= MANY else None


_QUOTED = re.compile('“[^”]{0,80}”|「[^」]{0,80}」|『[^』]{0,80}』|《[^》]{0,80}》|"[^"]{0,80}"')
#: Common characters that a text in Simplified Chinese never needs.
_TRADITIONAL = (
    "們個這說時對會學習國與為從來過還無開關應當間問題體現實驗據資訊網絡結構顯標準確優計處圖類別語詞圍環節點線維數層發達動態變換轉訓練總證認識讓選擇擴張強調進運輸價統經濟歷歸納難規則適響範單獨雙複雜滿領導閱"
    "讀寫評測檢視頻聲場質礎創獲極綜稱號項種療醫藥臨聯邊緣離連續樣權覺觀覽親戰軍產業務農積額預頭頁順須願飛馬魚鳥麼龍齊龜壓縮減糾錯誤誌謂議護讚賴贏趨跡輕載輯遠遞遲鄰釋鑑鍵鏈鐵閉閾隊陣階隨險雖電靜韻驅驟鬥魯麗"
    "黃區參喚嘗圓執塊堅夠奪奮審寬專尋屆屬島嶺帶幾庫廣廳彈徑復憶懷擁撐擊攝敗敘斷昇曆書條棄榮樓樹橋機殘殺決沒況淨溫滅潛澤濾災爭狀猶獎獻瑣畫異監盤礙禮稅穩窮競筆簡簽糧紀約級紋純紙細終組絕給絲綁綱綠編緊縱織繪繼"
    "罰羅義聖職聽脈腦臟舉舊艙華蓋蘇虛蟲術衛衝補裝製見訂討記訪設許訴診詢試話該詳誇誠課誰談論諾謝譜譯負財貢貨販貪購貫責貴買費貼賀賓賞賠賢賣賽贈趙車軌軟較輔輛輪辦辭週遊違遙遷遺邏郵鄉醬銀銅鋼錄錢鎖鎮鏡鐘長門閃"
    "閒陸陽隱雲霧靈頂頓顏顧飯飲餘館駐騎驚鬆鮮麵黨將兩樂僅傳倫偽債傾儲勵勞勢協員團報師廢徹擬損擺暫檔歡歐氣漢溝淺漸灣濕滾燈爐煉煩燒熱愛獵碼籌纖紛紹繹繞緒績緩縫纏勝艱藝薦營藍慮觸講詐誘謀謹"
)
#: Common characters that a text in Traditional Chinese never needs; those that it knows beside their own are left out.
_SIMPLIFIED = (
    "们这说时对会学习国为从来过还开关应当间问题实验资讯网络结构显标优计处图类语词围环节线维数层发达动态变换转训练总证认识让选择扩张调进运输价统经济历归纳难规则适响单独双杂满领导阅读写评测检视频声场质础创获综称号"
    "项疗医药临联边缘连续样权觉观览亲战军产业务农积额预头页顺须飞马鱼鸟么龙齐龟压缩减纠错误谓议护赞赖赢趋迹轻载辑远递迟邻释鉴键链铁闭队阵阶随险虽电静韵驱骤黄区唤尝圆执块坚夺奋审宽专寻属岛岭带库广厅弹径忆怀拥撑"
    "击摄败叙断条荣楼树桥机残杀温灭潜泽滤灾争状犹奖献画异监盘碍礼税稳穷竞笔简签粮约级纹纯纸细终组绝给丝绑纲绿编紧纵织绘继罚罗义圣职听脉脑脏举旧舰华盖苏虚虫术卫补装见订讨记访设许诉诊询试话该详诚课谁谈论诺谢谱译"
    "负财贡货贩贪购贯责贵买费贴贺宾赏赔贤卖赛赠赵车轨软较辅辆轮办辞违遥迁遗逻邮乡银铜钢录钱锁镇镜钟长门闪闲陆阳隐雾灵顶顿颜顾饭饮馆驻骑惊鲜将两乐书亚仅仓仪传伤伦伪债倾储兴养删剂励劳势协厂厌员团坏报墙师帮庆庄废彻"
    "恶悬惧惩扫扬抢拟拨挡损搅摆晓暂杨栏档欢欧汇汉沟浅浓润渐湾湿滚滥灯炉炼烦烧热爱牵猎码确窃竖笼筛筹纤纷绍绎绕绪绩绳缓缝缠胜胶腾艰艺荐莲营萨蓝虑蚀触讲诈诱谋谨贝贫账贮贸赋赌赚跃踪轴辈辖迈逊郑针钻铅铝铺销锐锡阀阈际陈"
    "隶顽颁颗风饰驳驶驾骗鲁鸡齿"
)
#: Tag -> letters of a sister that it never needs itself, and what these are.
_NEVER = {
    "zh-Hans": (re.compile(f"[{_TRADITIONAL}]"), "Traditional characters"),
    "zh-Hant": (re.compile(f"[{_SIMPLIFIED}]"), "Simplified characters"),
    "ru": (re.compile("[іїєґўјљњћђџ]", re.IGNORECASE), "letters that Russian does not have"),
    "uk": (re.compile("[ыэёъўјљњћђџ]", re.IGNORECASE), "letters that Ukrainian does not have"),
    "bg": (re.compile("[ыэёіїєґўјљњћђџ]", re.IGNORECASE), "letters that Bulgarian does not have"),
}


# ---- languages in Latin letters --------------------------------------------------------------------------------

#: Small words that tell languages apart; some are in several.
_SMALL_WORDS = """
en the a an of and is are that this with from which we our its by be been has have can their these those than while into
en such both when where through how it they was were to for on as at or not but also
de der die das dem den des und ein eine einen einem einer eines ist sind wird werden wurde mit von für auf nicht
de auch als bei durch im zur zum sich aus nach über sie es dass oder sowie wie um bis dabei damit diese dieser
fr a le la les des du un une et est sont dans pour avec sur par que qui au aux ce cette ces nous en plus ne pas il
fr elle leur leurs ou d l qu s n sans entre comme ainsi
es a el la los las del al y un una es son en para con por que se su sus como más no lo este esta estos entre sin ha
es han o e mediante sobre
it a il lo la gli le del della dei delle di un una e è sono in per con che si al alla nel nella più non come da dal
it questo questa su l d tra
pt o a os as do da dos das de um uma e é são em no na nos nas para com por que se seu sua ao mais não como este
pt esta entre sem ou
nl de het een en van is zijn met voor op dat die niet ook door bij wordt worden aan in te als of uit naar deze dit
nl wij we om over
"""


def _small_words() -> dict[str, frozenset[str]]:
    words: dict[str, set[str]] = {}
    for line in _SMALL_WORDS.split("\n")[1:-1]:
        root, *some = line.split()
        words.setdefault(root, set()).update(some)
    return {root: frozenset(all_) for root, all_ in words.items()}


_WORDS_OF = _small_words()
_ANY_SMALL = frozenset().union(*_WORDS_OF.values())
#: Without those that mean something else elsewhere: "to" in Polish, "at" in Danish.
_ONLY_ENGLISH = _WORDS_OF["en"] - frozenset(
    ("a", "an", "as", "at", "be", "but", "by", "for", "have", "how", "in", "not", "on", "or", "such", "to", "was", "we")
)
_LATIN_WORD = re.compile(f"[{_LATIN}]+")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")


def _other_latin(text: str, asked: Language) -> str | None:
    """Why a text in Latin letters is in another language than the one asked for, or None; told by small words."""
    own, english = _WORDS_OF.get(asked.root, frozenset()), _WORDS_OF["en"]
    words = _LATIN_WORD.findall(text.lower())
    small = [word for word in words if word in _ANY_SMALL]
    mine = sum(word in own for word in small)
    rivals = _WORDS_OF.values() if own else [_ONLY_ENGLISH]
    most = max(sum(word in rival for word in small) for rival in rivals)
    if most > (2 if mine or not own or len(words) < 8 else 0) and most > (mine if own else 0.1 * len(words)):
        return f"is not in {asked.english}"
    if own is english or sum(word in english for word in small) < 3:
        return None
    for sentence in _SENTENCE_END.split(_QUOTED.sub("", text)):
        known = {*_LATIN_WORD.findall(sentence.lower())}
        if len(known & english) > 2 and not known & (own - english):
            return f"is not in {asked.english}: {sentence[:60]}"
    return None


# ---- refusals --------------------------------------------------------------------------------------------------

_REFUSAL = re.compile(
    "(?:非常|很|十分)?(?:抱歉|對不起)[，,。!！ ]|我(?:暫時)?(?:無法|不能)(?:協助|幫助|提供|完成|回答|滿足|處理|繼續)"
    "|作為(?:一[個名])?(?:AI|人工智慧|人工智能)"
    "|申し訳(?:ありません|ございません|ない)|お手伝い(?:でき|することはでき)ません|죄송(?:합니다|하지만)|미안합니다"
    "|(?:Es )?tut mir (?:sehr )?leid|Ich (?:kann|darf) (?:Ihnen |dir )?(?:das|dabei|leider)"
    "|(?:Je suis )?désolée?[ ,.]|Je ne peux pas|Lo siento|No puedo|Mi dispiace|Non posso|Sinto muito"
    "|Desculpe[,. ]|Não posso|К сожалению, я|Извините|Прошу прощения|Я не могу|На жаль, я|Вибачте|Przykro mi",
    re.IGNORECASE,
)


def refuses(text: str) -> bool:
    """Whether a text opens with an apology instead of a summary, in others than English and Simplified Chinese."""
    return _REFUSAL.match(text.lstrip()) is not None
