"""The doctor: what a tokenizer, its template and rendered rows will make of a training. See ``train.inspect`` too."""

from leaven.data.doctor.examination import Examination
from leaven.data.doctor.finding import CHECKS, Check, Finding, stop_on_errors
from leaven.data.doctor.pairs import equal_answers, prompts_cut

__all__ = ["CHECKS", "Check", "Examination", "Finding", "equal_answers", "prompts_cut", "stop_on_errors"]
