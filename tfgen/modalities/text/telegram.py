"""What Telegram exports as result.json: chats of people by name, read as texts with a line for each message."""

from collections.abc import Mapping
from typing import Any


def telegram_chats(content: Any) -> list[str]:
    """The text of each chat, of one or of all; nothing of another file."""
    if not isinstance(content, Mapping):
        return []
    several = content.get("chats")
    chats = several.get("list") if isinstance(several, Mapping) else [content]
    texts = [_text(chat["messages"]) for chat in chats or () if _is_chat(chat)]
    return [text for text in texts if text]


def _is_chat(chat: Any) -> bool:
    messages = chat.get("messages") if isinstance(chat, Mapping) else None
    kinds = {each.get("type") if isinstance(each, Mapping) else None for each in messages or ()}
    return isinstance(messages, list) and "message" in kinds and kinds <= {"message", "service"}


def _text(messages: list[Mapping[str, Any]]) -> str:
    lines = []
    for message in messages:
        words = _words(message.get("text")).strip()
        if message.get("type") == "message" and words:
            lines.append(f"{message.get('from') or 'Deleted account'}: {words}")
    return "\n".join(lines)


def _words(text: Any) -> str:
    """A message's text, of which links and the like are parts of their own."""
    parts = text if isinstance(text, list) else [text]
    return "".join(part if isinstance(part, str) else str(part.get("text", "")) if isinstance(part, Mapping) else ""
                   for part in parts)
