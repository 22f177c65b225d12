"""Bytes that are no UTF-8 are read in the encoding that they were written in, in many languages."""

import pytest

from tfgen.data.encodings import encoding_of

SENTENCES = {
    "Polish": "Mały chłopiec wziął chleb i poszedł do lasu. "
    "Spotkał tam wilka, który był bardzo głodny. Dał mu więc kawałek.",
    "Hungarian": "Az öregember a tűz mellett ült, és az időről mesélt. "
    "A kisfiú őt nézte, amíg el nem jött az éjszaka.",
    "Romanian": "Băiatul a plecat în pădure şi a întâlnit un lup flămând. "
    "I-a dat o bucată de pâine, iar lupul i-a mulţumit.",
    "Turkish": "Küçük çocuk ağacın altında oturdu ve kuşları dinledi. "
    "Akşam olunca annesi onu çağırdı, çünkü yemek hazırdı.",
    "Lithuanian": "Mažas berniukas nuėjo į mišką ir sutiko alkaną vilką. "
    "Jis davė jam duonos, o vilkas padėkojo ir išėjo.",
    "German": "Der König hörte die schöne Müllerstochter lachen und ließ fragen, ob sie über die Brücke käme. "
    "Sie grüßte höflich.",
    "French": "Le garçon était très fatigué après la fête, mais sa mère préférait "
    "qu'il fût déjà levé à sept heures du matin.",
    "Russian": "Маленький мальчик пошёл в лес и встретил голодного волка. "
    "Он дал ему хлеба, и волк поблагодарил его.",
    "Greek": "Το μικρό αγόρι πήγε στο δάσος και συνάντησε έναν πεινασμένο λύκο. "
    "Του έδωσε ψωμί και ο λύκος έφυγε.",
    "Japanese": "小さな男の子は森へ行き、お腹を空かせた狼に会いました。"
    "パンをあげると、狼はお礼を言って去りました。",
    "Chinese": "小男孩走进森林，遇到了一只饥饿的狼。"
    "他给了它一块面包，狼谢过他就走了。晚上他回到家里。",
    "Korean": "작은 소년이 숲으로 가서 배고픈 늑대를 만났습니다. "
    "소년이 빵을 주자 늑대는 고맙다고 말하고 떠났습니다.",
}  # fmt: skip


@pytest.mark.parametrize(
    "language, encoding",
    [
        ("Polish", "cp1250"), ("Polish", "iso8859-2"), ("Polish", "cp852"), ("Hungarian", "cp1250"),
        ("Romanian", "cp1250"), ("Turkish", "cp1254"), ("Turkish", "cp857"), ("Lithuanian", "cp1257"),
        ("German", "cp1252"), ("German", "mac-roman"), ("German", "cp850"), ("French", "mac-roman"),
        ("French", "cp850"), ("Russian", "cp1251"), ("Russian", "koi8-r"), ("Russian", "cp866"), ("Greek", "cp1253"),
        ("Japanese", "cp932"), ("Japanese", "euc_jp"), ("Chinese", "gb18030"), ("Korean", "cp949"),
    ],
)  # fmt: skip
def test_a_few_sentences_tell_their_encoding(language, encoding):
    text = "".join(f"{number}: {SENTENCES[language]}\n" for number in range(3))
    content = text.encode(encoding)
    assert content.decode(encoding_of(content)) == text
