"""The tables of what readers said: what each column of `readers export` holds."""

from markdown_tables import code, table

from ensemble_cam.readers import audit, study_scores, truth_files
from ensemble_cam.readers.class_csv import COLUMNS as CLASS_COLUMNS
from ensemble_cam.readers.table import AGREEMENT_COLUMNS, ASSESSMENT_COLUMNS, COLUMNS

_PLACE = "in source pixels"
HOLDS = {
    "reader": "the reader's name",
    "film": "the SHA-256 of the film's file",
    "case": "the reader's own name for the film",
    "finding": "the label, by upstream's name",
    "network": "a classifier's id, or `ensemble`; empty where none knows the finding, or nothing was revealed",
    "first_read": "`marked` or `not marked` before scores and maps were shown; empty where these were never hidden",
    "confidence": "how sure the reader was of the first read's mark, 1 to 5; of several marks the surest",
    "first_x": f"where it was marked, {_PLACE}; empty where the finding was named without a place",
    "first_y": "likewise",
    "first_at": "when",
    "opened_at": "when the film was first before the reader",
    "revealed_at": "when scores and maps were: the first read is locked from then on",
    "seconds_to_reveal": "between the two",
    "verdict": "`agree`, `disagree` or `unsure`: the last one",
    "verdict_at": "when it was given, always after `revealed_at`",
    "seconds_to_verdict": "between the two",
    "verdict_changes": "how often the reader had said something else before",
    "assessment": "`accepted`, `rejected`, `supplemented`, as IHE has it; empty where nothing was assessed",
    "opinion": "`present` or `absent`: what the verdict comes to, as it is one of the networks' call",
    "missed": "`true`: the reader marked it after the reveal, and the networks together did not call it",
    "after_x": f"where it was marked after the reveal, {_PLACE}",
    "after_y": "likewise",
    "note": "the reader's last note of the finding",
    "score": "in [0, 1], 0.5 at the operating point",
    "call": "`called`, `not called`, `uncalibrated` or `meaningless`",
    "split": "`true`: some classifiers call the finding and others do not",
    "agreement": "the mean IoU of the maps behind the ensemble; the same in all rows of a finding",
    "box": "`x0,y0,x1,y1`, half-open, around all that the map has at the threshold",
    "set": "the set of classifiers",
    "method": "how the maps were made",
    "threshold": "at which the maps were compared",
    "weights_sha256": "of the network's weights",
    "truth": "`present` or `absent` for a phantom that was drawn in the session; empty where nobody knows",
    "drawn": "`before maps` or `after maps`: when the reader drew around the finding; empty where nothing is drawn",
    "hit": "`true`: the map's hottest point lies in what was drawn, or at most 5 % of the film's width beside it; "
    "empty where no maps were shown beside what is drawn now",
    "iou": "of the map's region at the threshold and what was drawn: intersection over union",
    "dice": "of the same two",
}
AGREEMENT_HOLDS = {
    "finding": "the label",
    "rater": "a reader (what they held in the end), `first` and a reader (the first read), a network, or `truth`",
    "against": "another one, taken for the truth in sensitivity and specificity",
    "films": "that both have called",
    "agreed": "on how many they say the same",
    "kappa": "Cohen's, or Fleiss' where the first reads of three readers or more are compared together",
    "kappa_low": "by the large-sample variance of 1969; Fleiss' by films drawn again",
    "kappa_high": "likewise",
    "sensitivity": "of the films on which `against` says that the finding is there",
    "sensitivity_low": "Wilson's interval",
    "sensitivity_high": "likewise",
    "specificity": "of those on which it says that it is not",
    "specificity_low": "Wilson's interval",
    "specificity_high": "likewise",
}
ASSESSMENT_HOLDS = {
    "film": "the SHA-256 of the film's file",
    "case": "the reader's own name for the film",
    "finding": "the label",
    "result": "what the networks together said: their call; empty where none knows the finding",
    "assessment": "`accepted` (agree), `rejected` (disagree) or `supplemented` (a finding that the reader added)",
    "assessor": "the reader's name",
    "assessed_at": "when",
}
AUDIT_HOLDS = {
    "id": "the row's number, each one more than the one before",
    "at": "when, in UTC",
    "reader": "the name of the reader's login; empty where the program itself did it",
    "event": ", ".join(f"*{event.value}*" for event in audit.Event),
    "film": "the SHA-256 of the film's file",
    "count": "of how many, where that says something",
    "until": "of *log shortened*: the number of the last row that went",
    "forgot": "of *log shortened*: that row's hash, which the rest goes on from",
    "before": "the hash of the row before; noughts before the first of all",
    "hash": "SHA-256 of the nine values before it as a JSON list, in this order, `null` where empty",
}


CLASS_HOLDS = {
    "code": "the set's",
    "row": "`class` or `student`",
    "student": "the name; empty for the class",
    "finding": "the label, or `all`",
    "films": "that were answered",
    "films_right": "with all that is there named, and nothing else; of `all` findings",
    "found": "of what was planted, how much was named",
    "found_of": "of how much",
    "found_low": "where the share lies on further films, 95 %",
    "found_high": "likewise",
    "spared": "of what was not planted, how much was not named",
    "spared_of": "of how much",
    "spared_low": "as for found",
    "spared_high": "likewise",
    "hits": "of the marks of what is there, how many hit it",
    "hits_of": "of how many",
    "hits_low": "as for found",
    "hits_high": "likewise",
    "excess": "mean confidence of what was named, less the share of it that is there; above 0 for who is too sure",
    "excess_low": "where it lies on further films, 95 %, by Student's t over films",
    "excess_high": "likewise",
    "seconds": "median for a film; of `all` findings",
    "difficulty_reached": "mean over the second half of a set that follows the learner",
}


TRUTH_HOLDS = {
    "film": "the SHA-256 of the film's file",
    "case": "the reader's own name for the film",
    "reader": "the reader's name",
    "finding": "the label",
    "kind": "`box` or `outline`",
    "x0": "the left edge of the box around it, in source pixels",
    "y0": "its upper edge",
    "x1": "its right edge",
    "y1": "its lower edge",
    "points": "`x,y x,y …`: of a box its upper left and lower right corner, of an outline its corners",
    "before_reveal": "`true` where it was drawn before scores and maps were shown",
    "drawn_at": "when",
}
STUDY_HOLDS = {
    "readerID": "the reader's name",
    "caseID": "the case's number in the study",
    "modalityID": "`without networks` or `with networks`",
    "score": "how sure that the finding is there, 0 to 5",
    "truth": "1 where it is there",
}
SUMMARY_HOLDS = {
    "reader": "the reader's name",
    "arm": "as `modalityID`",
    "cases": "that have a score",
    "positives": "of them, with the finding",
    "auc": "the area under the ROC curve",
    "auc_low": "by DeLong on the logit's scale, 95 %",
    "auc_high": "likewise",
    "auc_with_less_without": "the areas' difference over the cases that were read in both arms",
    "p_paired": "of no difference, DeLong's for pairs, of this reader alone",
}
DEVIATION_HOLDS = {
    "reader": "the reader's name",
    "case": "the case's number",
    "sitting": "1 or 2",
    "arm": "as planned",
    "deviation": "in words",
}


def _written(columns: tuple[str, ...], holds: dict[str, str]) -> str:
    return table(["column", "holds"], [(code(column), holds[column]) for column in columns])


TABLES = {
    "readers columns": lambda: _written(COLUMNS, HOLDS),
    "readers agreement": lambda: _written(AGREEMENT_COLUMNS, AGREEMENT_HOLDS),
    "truth columns": lambda: _written(truth_files.COLUMNS, TRUTH_HOLDS),
    "study columns": lambda: _written(study_scores.SCORE_COLUMNS, STUDY_HOLDS),
    "study summary": lambda: _written(study_scores.SUMMARY_COLUMNS, SUMMARY_HOLDS),
    "study deviations": lambda: _written(study_scores.DEVIATION_COLUMNS, DEVIATION_HOLDS),
    "class columns": lambda: _written(CLASS_COLUMNS, CLASS_HOLDS),
    "readers assessment": lambda: _written(ASSESSMENT_COLUMNS, ASSESSMENT_HOLDS),
    "audit columns": lambda: _written(audit.COLUMNS, AUDIT_HOLDS),
}
