"""An engine without a model: gives recorded replies, or a card that says it is an echo.

For trying out, demonstrations and tests. It sends nothing and invents nothing about a paper.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from ..models import Answer, Completion, Request

#: Nothing here is about a paper: no figure, no name that a reader could take for a finding.
ECHO = {
    "tldr": "（回显，未经模型）这张卡片由程序直接生成，没有调用任何语言模型，仅用于检查流程和页面。",
    "motivation": "在没有密钥、没有网络的情况下，也能完整地试用从收集论文到生成页面的全部步骤。",
    "method": "程序收到请求后不作任何推理，直接返回这段固定的中文文字，因此每次运行的结果都相同。",
    "result": "页面各部分均可正常显示；论文的实际内容请阅读下方的英文摘要。",
    "conclusion": "要得到真正的中文总结，请在配置中选择一个模型服务，然后重新运行同一条命令。",
}


class EchoEngine:
    """Answers at once and always alike."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        replies: Mapping[str, str] = MappingProxyType({}),
        **_settings: Any,  # of engines that need some
    ) -> None:
        """`replies`: arxiv_id -> what to answer for that paper, as it is."""
        self.clock = clock
        self.replies = replies
        self.sent = 0  #: stays so

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """Yield each request with its recorded reply, or with the echo."""
        for request in requests:
            text = self.replies.get(request.subject) or json.dumps(ECHO, ensure_ascii=False)
            yield request, Completion(text, "echo", "echo", self.clock(), finish_reason="stop")
