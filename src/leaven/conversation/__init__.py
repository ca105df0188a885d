"""Talking to arms of a run that is there: whoever speaks, found and loaded, and what was said so far."""

from leaven.conversation.found import Speaker, speaker, speakers
from leaven.conversation.talk import Conversation

__all__ = ["Conversation", "Speaker", "speaker", "speakers"]
