"""The language of a text: whether it is written in the one that was asked for, and in the right characters.

Pure. Looks at scripts and words, knows nothing of cards; names and terms may be in Latin script in any language.
"""

import re

_HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_KANA, _HANGUL, _CYRILLIC = "\u3040-\u30ff", "\u1100-\u11ff\uac00-\ud7af", "\u0400-\u04ff"
_LETTERS = {
    root: re.compile(f"[{letters}]")
    for root, letters in (
        ("zh", _HAN),
        ("ja", _HAN + _KANA),
        ("ko", _HANGUL),
        ("ru", _CYRILLIC),
        ("uk", _CYRILLIC),
        ("bg", _CYRILLIC),
    )
}
_NAMES = {"zh": "Chinese", "ja": "Japanese", "ko": "Korean", "ru": "Russian", "uk": "Ukrainian", "bg": "Bulgarian"}
_TEX = re.compile(r"\$[^$]{1,300}\$|\\[A-Za-z]+")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ][\w'’.+-]*")
_OTHER_SCRIPT = re.compile(f"[{_HAN}{_KANA}{_HANGUL}{_CYRILLIC}\u0600-\u06ff\u0900-\u097f]")
_ENGLISH_RUN = re.compile(r"[A-Za-z][A-Za-z0-9'’/-]*(?:[ ,:]{1,2}[A-Za-z][A-Za-z0-9'’/-]*){5,}")
LEAST_SHARE = 0.3  #: of a field's letters, names apart, in the script of the asked language


def foreign(text: str, source: str, language: str) -> str | None:
    """Why `text` is not in the asked language, or None. Names and terms may be in Latin script."""
    root = language.partition("-")[0].lower()
    text = _TEX.sub(" ", text)
    letters = _LETTERS.get(root)
    if letters is None:
        strange = len(_OTHER_SCRIPT.findall(text))
        return f"is not in the language {language}" if 2 * strange > len(text) else None
    own = len(letters.findall(text))
    words = [word for word in _LATIN_WORD.findall(text) if word.islower()]  # a name has a capital or a digit
    strange = len(_OTHER_SCRIPT.findall(text)) - own
    if own < 2 or own < LEAST_SHARE * (own + strange + sum(map(len, words))):
        return f"is not in {_NAMES[root]}"
    for run in _ENGLISH_RUN.findall(text):
        lower = sum(word[0].islower() for word in run.split())
        if lower > 4 and (lower > 11 or run.lower() not in " ".join(source.split())):
            return f"is not in {_NAMES[root]}: {run[:60]}"
    return _traditional(text) if root == "zh" and "hant" not in language.lower() else None


_QUOTED = re.compile('“[^”]{0,80}”|「[^」]{0,80}」|『[^』]{0,80}』|《[^》]{0,80}》|"[^"]{0,80}"')
#: Common characters that a text in Simplified Chinese never needs.
_TRADITIONAL = re.compile(
    "[們個這說時對會學習國與為從來過還無開關應當間問題體現實驗據資訊網絡結構顯標準確優計處圖類別語詞圍環節點線維數層發達動態變換轉訓練總證認識讓選擇擴張強調進運輸價統經濟歷歸納難規則適響範單獨雙複雜滿領導閱"
    "讀寫評測檢視頻聲場質礎創獲極綜稱號項種療醫藥臨聯邊緣離連續樣權覺觀覽親戰軍產業務農積額預頭頁順須願飛馬魚鳥麼龍齊龜壓縮減糾錯誤誌謂議護讚賴贏趨跡輕載輯遠遞遲鄰釋鑑鍵鏈鐵閉閾隊陣階隨險雖電靜韻驅驟鬥魯麗"
    "黃區參喚嘗圓執塊堅夠奪奮審寬專尋屆屬島嶺帶幾庫廣廳彈徑復憶懷擁撐擊攝敗敘斷昇曆書條棄榮樓樹橋機殘殺決沒況淨溫滅潛澤濾災爭狀猶獎獻瑣畫異監盤礙禮稅穩窮競筆簡簽糧紀約級紋純紙細終組絕給絲綁綱綠編緊縱織繪繼"
    "罰羅義聖職聽脈腦臟舉舊艙華蓋蘇虛蟲術衛衝補裝製見訂討記訪設許訴診詢試話該詳誇誠課誰談論諾謝譜譯負財貢貨販貪購貫責貴買費貼賀賓賞賠賢賣賽贈趙車軌軟較輔輛輪辦辭週遊違遙遷遺邏郵鄉醬銀銅鋼錄錢鎖鎮鏡鐘長門閃"
    "閒陸陽隱雲霧靈頂頓顏顧飯飲餘館駐騎驚鬆鮮麵黨]"
)


def _traditional(text: str) -> str | None:
    found = _TRADITIONAL.findall(_QUOTED.sub("", text))
    if len(found) > 2 and len(found) > 0.03 * len(text):
        return f"is in Traditional characters: {''.join(dict.fromkeys(found))[:12]}"
    return None
