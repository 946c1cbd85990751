"""What a card in Chinese speaks of, held against an English source: telling terms, and how English says them.

Pure. Knows a fixed list of pairs: far too little to say what a text says, enough to see that it is about another paper.
"""

from collections.abc import Iterable

#: A Chinese term, and the beginnings of English words for it, any one of which will do.
_PAIRS = """
    图像 image/visual/vision/pictur/photo/pixel/scan/figure/render | 视频 video/film/clip/movie/footage/frame
    音频 audio/sound/acoustic/speech/music/voice | 语音 speech/voice/audio/spoken/asr/tts/phon/acoustic/speak/utter
    音乐 music/song/melod/audio
    文本 text/word/language/document/prompt/caption/writ/sentence/corpus/corpora/llm/token | 图像分割 segment
    语义分割 segment | 目标检测 detect
    检测 detect/identif/recogn/discover/spot/diagnos/monitor/screen/probe/flag/find | 跟踪 track/follow/monitor
    重建 reconstruct/recon/rebuild/restor/render/recover/inversion | 点云 point | 高斯 gauss/3dgs/splat/gs
    扩散 diffus/denois/ddpm/flow/spread | 蒸馏 distill/teacher/student
    强化学习 reinforc/rl/reward/polic/grpo/ppo/bandit/mdp | 联邦 federat | 推荐 recommend
    检索 retriev/search/rag/quer/rank | 翻译 translat/mt/multiling/bilingual/parallel
    医学 medic/clinic/health/patient/patholog/radiolog/disease/biomed/surg/diagnos/tumor/cancer/hospital/mri/ct
    临床 clinic/medic/patient/health/hospital/physician/doctor/diagnos/surg/therap
    患者 patient/clinic/subject/people/individual/case/disease | 病理 patholog/histo/wsi/slide/disease
    癌 cancer/tumor/carcinoma/oncol/malignan/glioma/adeno | 遥感 remote/satellite/earth/aerial/sar/geospat/sentinel
    卫星 satellite/orbit/leo/remote/sentinel | 农业 agricult/crop/farm/plant | 作物 crop/plant/agricult/farm
    机器人 robot/manipul/embod/vla/humanoid/locomot/grasp/legged | 自动驾驶 driv/autonom/vehicle/car
    车辆 vehicle/car/traffic/driv/truck/bus | 交通 traffic/transport/vehicle/driv/road/urban/mobil
    导航 navig/vln/path/wayfind/robot | 人脸 face/facial/portrait/head | 手势 gestur/hand/sign | 手语 sign
    姿态 pose/postur/gesture/body/orient/attitude/skelet | 情感 emotion/sentiment/affect/feeling/mood
    情绪 emotion/sentiment/affect/mood | 金融 financ/bank/market/stock/trad/invest/econom/fintech
    法律 legal/law/juri/court/statut/regul | 教育 educat/teach/student/learner/school/tutor/classroom
    学生 student/learner/educat/distill/pupil/undergrad | 编程 program/cod/software
    代码 code/coding/program/software/repositor/github/commit/script/codebase
    数学 math/arithm/geometr/algebra/theor/proof/equation | 定理 theorem/proof/prov/theor/lemma
    博弈 game/equilib/player/strateg/nash | 拍卖 auction/bid/mechan | 信道 channel/propagat/csi | 波束 beam
    天线 antenna/mimo/array/aperture | 编码 cod/encod/represent/embed | 译码 decod | 纠错 correct/cod/error
    频谱 spectr/frequenc | 通信 communicat/wireless/network/channel/transmi/6g/messag
    社交媒体 social/twitter/reddit/facebook/tiktok/instagram/weibo/post/platform
    虚假信息 misinform/disinform/fake/false | 谣言 rumor/misinform | 仇恨 hate/toxic/offens/abus
    偏见 bias/stereotyp/fair/prejud | 公平 fair/bias/equit/parity/just | 隐私 privac/private/anonym/leak/federat
    水印 watermark | 后门 backdoor/trojan/trigger/poison | 越狱 jailbreak/attack/red-team/adversar
    对抗 advers/attack/gan/robust/counter/compet/combat | 幻觉 hallucin/factual/faithful/fabricat
    推理 reason/infer/chain/cot/think/deduc/logic | 思维链 chain/cot/reason/think | 智能体 agent
    知识图谱 knowledge/kg/graph | 图神经 graph/gnn | 注意力 attent/transformer/focus
    量化 quanti/bit/int4/int8/fp4/fp8/measur/metric | 剪枝 prun/spars
    压缩 compress/reduc/compact/prun/quanti/token | 缓存 cach/kv/buffer/memor | 记忆 memor/recall/remember
    分词 token/segment | 词汇 vocab/lexic/word/token | 方言 dialect/vernac/variet | 低资源 resource/limited/scarce
    多语言 multiling/language/ling | 阿拉伯 arab | 印度 india/indic/hindi | 非洲 africa/swahili | 越南 vietnam
    日语 japan | 韩 korea | 蛋白质 protein | 分子 molecul/chem/drug | 药物 drug/pharma/medic/molecul
    基因 gene/genom/dna/rna | 细胞 cell | 脑 brain/neur/eeg/fmri/cereb/mri/cortic/encephal
    神经元 neuron/neural/activat/spik | 脑电 eeg/brain/electroenceph | 心电 ecg/cardi/electrocard
    气象 weather/climat/meteor/forecast | 气候 climat/weather/warm | 天气 weather/climat/rain/fog/snow
    海洋 ocean/sea/marin/maritim | 水下 underwater/marin/subsea | 地震 seism/earthquake
    材料 material/crystal/alloy | 物理 physic/pinn/simul | 流体 fluid/flow | 电力 power/electr/grid/energ
    能源 energ/power/electr | 时间序列 time/series/tempor/forecast/sequen | 因果 caus/counterfact/interven
    超分辨率 super/resol/sr/upsampl/upscal | 去噪 denois/nois | 去雾 haz/fog | 去雨 rain
    修复 restor/repair/inpaint/fix/heal/recover | 编辑 edit/modif/manipul | 风格 styl | 纹理 textur
    动画 animat/motion/character | 虚拟试穿 try-on/tryon/garment | 服装 cloth/garment/fashion/apparel/outfit
    头发 hair | 网格 mesh/grid | 渲染 render | 光照 light/illumin/relight | 深度估计 depth | 立体匹配 stereo
    光流 flow | 事件相机 event | 红外 infrared/thermal/ir | 夜间 night/low-light/dark
    异常检测 anomal/outlier/abnorm/defect | 工业 industr/manufactur/factor
    图表 chart/plot/graph/figure/diagram/table/visuali | 表格 tabl/tabular/spreadsheet/sheet
    文档 document/page/pdf/file/ocr | 问答 question/qa/answer/vqa
    对话 dialog/convers/chat/talk/turn/utter/interact/persona | 摘要 summar/abstract | 新闻 news/journal/media
    游戏 game/gaming/play | 无人机 uav/drone/aerial/unmanned/quadrotor/quadcopter | 人类反馈 feedback/rlhf/prefer
    评审 review/judg/assess/critiq | 引用 cit/refer/attribut/quot | 专利 patent
    电商 commerce/shop/product/retail/purchas | 广告 advert/ad/ads/bid/marketing | 旅行 travel/trip/tour
    食物 food/recipe/nutri/diet/meal | 舞蹈 danc/choreo | 体育 sport/athlet | 足球 soccer/football
    建筑 build/architect/construct/bim | 城市 city/urban/cities/municip/metropol | 地理 geo/map/spatial/locat
    文化 cultur | 宗教 relig/islam/quran/bibl | 政治 politic/elect/govern/partisan/ideolog | 军事 militar/war/defen
    安全 safe/secur/attack/risk/harm/protect/threat/vulnerab/defen/jailbreak
"""
_TOPICS = {
    term: tuple(words.split("/"))
    for line in _PAIRS.strip().splitlines()
    for term, words in (pair.split() for pair in line.split("|"))
}
LEAST = 3  #: telling terms that the source has nothing for, before anything follows from it


def heard(text: str, source: str) -> dict[str, bool]:
    """
    Whether the English source has a word for it, of each telling term in a Chinese text.

    >>> heard("剪枝，用于机器人", "Pruning the weights of an image classifier")
    {'机器人': False, '剪枝': True}
    """
    lower = source.lower()
    return {term: any(_begins(word, lower) for word in words) for term, words in _TOPICS.items() if term in text}


def _begins(word: str, text: str) -> bool:
    at = text.find(word)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(word, at + 1)
    return at >= 0


def strays(terms: Iterable[bool], least: int = LEAST) -> bool:
    """Whether most of the terms, and `least` or more of them, were not heard: their text is about something else."""
    answers = list(terms)
    unheard = answers.count(False)
    return unheard >= least and 2 * unheard > len(answers)
