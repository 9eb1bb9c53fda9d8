"""Names and their aliases, and where one character stands for a country: data for targets and mentions."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALIASES", "PAIRS", "ROLES", "SIGNS", "TITLES", "Sign", "canonical", "names_of"]

ALIASES: dict[str, tuple[str, ...]] = {
    name: tuple(aliases.split())
    for name, aliases in {
        # Countries and regions; a government's seat or house stands for it.
        "美国": "美方 美利坚 美利坚合众国 美国政府 美政府 美国当局 白宫 华盛顿 华府 五角大楼 美帝 山姆大叔 "
        "特朗普政府 川普政府 拜登政府 奥巴马政府",
        "中国": "中方 我国 中国政府 中国方面 中华人民共和国 中国官方",
        "俄罗斯": "俄方 俄国 俄联邦 俄罗斯联邦 俄罗斯政府 克里姆林宫 莫斯科",
        "日本": "日方 日本政府 日本当局",
        "韩国": "韩方 韩国政府 青瓦台 大韩民国",
        "朝鲜": "朝方 北韩 朝鲜政府 平壤",
        "印度": "印方 印度政府 新德里",
        "英国": "英方 英国政府 唐宁街 大不列颠",
        "法国": "法方 法国政府 爱丽舍宫",
        "德国": "德方 德国政府 联邦德国",
        "欧盟": "欧方 布鲁塞尔 欧委会 欧盟委员会 欧洲联盟",
        "澳大利亚": "澳方 澳洲 澳大利亚政府",
        "加拿大": "加方 加拿大政府",
        "菲律宾": "菲方 菲律宾政府 马尼拉",
        "越南": "越方 越南政府",
        "以色列": "以方 以色列政府 特拉维夫",
        "伊朗": "伊方 伊朗政府 德黑兰",
        "乌克兰": "乌方 乌克兰政府 基辅",
        "荷兰": "荷方 荷兰政府",
        "台湾": "台方 台湾地区 台湾当局 台当局 中国台湾",
        "香港": "香港特区 香港特别行政区",
        "港府": "香港政府 香港特区政府 特区政府 香港特别行政区政府",
        # Organisations.
        "中国共产党": "中共 共产党 我们党",
        "党中央": "中共中央 中国共产党中央委员会",
        "联合国": "UN",
        "北约": "北大西洋公约组织 NATO",
        "世界贸易组织": "世贸组织 世贸 WTO",
        "世界卫生组织": "世卫组织 世卫 WHO",
        "国际货币基金组织": "IMF",
        "美联储": "联邦储备委员会 美国联邦储备委员会",
        "解放军": "中国人民解放军",
        "全国人大": "全国人民代表大会",
        "全国政协": "政协 中国人民政治协商会议",
        "发改委": "国家发改委 国家发展和改革委员会 国家发展改革委",
        "民进党": "民主进步党 绿营 民进党当局",
        "国民党": "中国国民党 蓝营",
        # Persons.
        "特朗普": "川普 唐纳德·特朗普",
        "拜登": "乔·拜登",
        "普京": "弗拉基米尔·普京 普丁",
        "泽连斯基": "泽伦斯基",
        "内塔尼亚胡": "内坦亚胡",
        "马斯克": "埃隆·马斯克 伊隆·马斯克",
        "习近平": "习主席 习总书记",
        "毛泽东": "毛主席",
        "林郑月娥": "林郑",
        # Terms.
        "人工智能": "AI",
        "文革": "文化大革命 文化革命",
        "新冠疫情": "新冠肺炎疫情 新冠肺炎",
    }.items()
}
"""Name, as articles give it most plainly, to other names for the same. No alias belongs to two names."""

_TITLES = """
国务卿 副总统 总统 副总理 总理 首相 总书记 主席 财长 防长 外长 部长 大使 议长 议员 州长 市长 省长 书记 行政长官
特首 司长 局长 发言人 委员长 将军 上将 国王 女王 天皇 教皇 教授 院士 博士 律师 医生 老师 先生 女士 同志
"""
TITLES = tuple(_TITLES.split())
"""Titles after a person's name that are no part of it; longer ones before those that they end in."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A character that stands for a country, as in 中美, 对美, 美财长.

    Attributes:
        country: whose sign it is.
        roles: single characters after it that make it the country (美军), beside the longer `ROLES`.
        verbs: single characters before it that make it the country (对美).
        not_after: characters before it that make another word of it (完美).
        not_before: characters after it that make another word of it (美丽).
    """

    country: str
    roles: str
    verbs: str = ""
    not_after: str = ""
    not_before: str = ""


SIGNS: dict[str, Sign] = {
    "美": Sign(
        "美国",
        roles="方军企媒股债舰机资籍",
        verbs="对驻访赴涉反亲抗联仇恐旅留援",
        not_after="完优精审健秀甜柔华俊凄唯肥鲜臻媲赞溢圆壮善爱臭最很更太之艳丽和唇秘味甘北南拉",
        not_before="好丽食感术学景容妙女味观满德白酒声文梦玉轮发甲妆团颜洲元金誉育不的了人化中其",
    ),
    "中": Sign(
        "中国",
        roles="方企媒资",
        not_after="其集当空途心手眼家之初高命击适折暗从水海山话书口目年月",
        not_before="间心午学东部央层小期年等止断介点文医式国考毒性华原秋的不",
    ),
    "俄": Sign("俄罗斯", roles="方军媒企机舰籍", verbs="对驻访赴涉反亲抗援联", not_before="顷然而"),
    "日": Sign(
        "日本",
        roles="方军企媒股资籍",
        verbs="对驻访赴涉反亲抗援旅侵",
        not_after="今昨明节假生每近当次前后往终周平烈即不同翌连数何抗旧昔整白",
        not_before="子常前后益期程报内记历光渐用志起夜均环晚中电",
    ),
    "韩": Sign("韩国", roles="方军企媒股资籍", verbs="对驻访赴反亲", not_before="愈信寒"),
    "朝": Sign(
        "朝鲜",
        roles="方军媒",
        verbs="对驻访涉援抗",
        not_after="王唐宋明清元汉隋晋前本当今一两历",
        not_before="代廷着阳气夕野向三中",
    ),
    "印": Sign("印度", roles="方军媒", verbs="对驻访赴", not_after="脚打复油影手烙水", not_before="刷象章证发制花度尼"),
    "英": Sign("英国", roles="方军媒企镑", verbs="驻访赴旅", not_after="精群落", not_before="雄勇明语才俊超尺里文"),
    "法": Sign(
        "法国",
        roles="媒",
        verbs="驻访赴旅",
        not_after="方办做司立执违合非刑民宪想看说无设用书语依守普释佛",
        not_before="律院官规治制则定令学庭师案人网",
    ),
    "德": Sign("德国", roles="方军媒企", verbs="驻访赴旅", not_after="道品美公功", not_before="育行性语克里尔国"),
    "欧": Sign("欧盟", roles="方股债企", verbs="对驻访赴旅", not_after="西东北南中", not_before="元洲阳大冠文"),
    "澳": Sign("澳大利亚", roles="方军媒", verbs="对驻访赴", not_after="港", not_before="门"),
    "加": Sign("加拿大", roles="媒", not_after="增更参施添附追强外", not_before="强大快入速上剧深以重紧班工油拿息征税"),
    "菲": Sign("菲律宾", roles="方军媒舰", verbs="对驻访", not_before="薄佣尔"),
    "越": Sign("越南", roles="媒", verbs="对驻访", not_after="超卓优穿跨翻逾吴", not_before="来过是发界野"),
    "以": Sign("以色列", roles="媒", not_after="可所加难足予得何给", not_before="及来后前为上下内外往至便免色"),
    "伊": Sign("伊朗", roles="方", not_before="始人斯拉甸利莎"),
    "乌": Sign("乌克兰", roles="方军", verbs="对援驻访", not_before="云鸦龟黑托"),
    "荷": Sign("荷兰", roles="媒", not_after="负薄", not_before="花包叶兰"),
    "台": Sign(
        "台湾",
        roles="军",
        verbs="对涉访赴",
        not_after="平讲舞后前上下出阳电柜站擂一两几",
        not_before="风阶词上下面前式账历",
    ),
}
"""Character to what it stands for in headlines."""

_PAIRS = """
中美 中俄 中日 中韩 中朝 中印 中英 中法 中德 中欧 中澳 中加 中菲 中越 中荷 中伊 中乌 美中 美俄 美日 美韩 美朝 美印
美英 美法 美德 美欧 美澳 美加 美菲 美越 美以 美伊 美乌 美台 美荷 俄中 俄美 俄日 俄朝 俄印 俄英 俄欧 俄乌 俄伊 日美
日俄 日韩 日朝 日印 日英 日欧 日澳 日菲 日台 韩中 韩美 韩日 韩朝 朝中 朝美 朝韩 朝俄 印中 印美 印俄 英中 英美 英法
英德 英欧 英澳 英加 法德 德法 欧中 欧美 欧日 欧俄 欧英 欧印 澳中 澳美 澳日 澳英 加美 加墨 菲美 菲日 以伊 伊以 伊美
乌俄 台美 台日
"""
PAIRS = frozenset(_PAIRS.split())
"""Two countries named by a character each."""

_ROLES = """
财长 总统 副总统 首相 总理 防长 外长 贸易代表 国务卿 商务部 国务院 国防部 财政部 司法部 能源部 参议员 众议员 议员
国会 参议院 众议院 参院 众院 官员 高官 官方 政府 当局 政客 政界 商界 智库 专家 学者 大使 使馆 情报 海军 空军 陆军
战机 军机 签证 海警 民众
"""
ROLES = tuple(_ROLES.split())
"""Words after a country's sign that make it the country: 美财长."""


def canonical(target: str) -> str:
    """The plain name for a target: its alias folded (美方 → 美国), else its title cut off (贝森特财长 → 贝森特)."""
    name = target.strip()
    if name in _CANONICAL:
        return _CANONICAL[name]
    for title in TITLES:
        stem = name.removesuffix(title)
        if stem != name and (stem in _CANONICAL or len(stem) >= 3) and not stem.endswith(_BODIES):
            return _CANONICAL.get(stem, stem)
    return name


def names_of(target: str) -> tuple[str, ...]:
    """The target and every other full name for it, the longest first."""
    name = canonical(target)
    return tuple(sorted({target.strip(), name, *ALIASES.get(name, ())} - {""}, key=lambda n: (-len(n), n)))


_CANONICAL = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}

_BODIES = tuple("国洲部局院会市省州县区府党司厅盟") + tuple(sign.country for sign in SIGNS.values())
"""How names of bodies and places end, of which a title after them is a part: 美国总统, 外交部发言人."""
