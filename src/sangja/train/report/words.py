"""Every word of the report in English and Korean: one row per text, so neither can lack one."""

from __future__ import annotations

from sangja.core.errors import ArgumentError

LANGUAGES = ("en", "ko")

TEXTS: dict[str, tuple[str, str]] = {
    # the page
    "kind": ("Training report", "학습 보고서"),
    "contents": ("Contents", "목차"),
    "classification": ("Classification", "분류"),
    "regression": ("Regression", "회귀"),
    "footer": (
        "Written by sangja. This page loads nothing and runs no script.",
        "sangja가 작성했습니다. 이 페이지는 아무것도 불러오지 않고 스크립트도 실행하지 않습니다.",
    ),
    "scroll": ("{what}, scrollable", "{what} (스크롤 가능)"),
    # the summary
    "lede_classes": (
        "Of {n} test rows, {k} got the right class: {share}.",
        "테스트 {n}개 중 {k}개를 맞혔습니다: {share}.",
    ),
    "lede_values": (
        "Over {n} test rows the prediction is off by {mae} on average.",
        "테스트 {n}개에서 예측은 평균 {mae}만큼 벗어났습니다.",
    ),
    "lede_none": ("No test result was recorded.", "테스트 결과가 기록되지 않았습니다."),
    "test": ("Test {what}", "테스트 {what}"),
    "best_epoch": ("Best epoch", "최적 에포크"),
    "of_epochs": ("of {n}", "전체 {n}개 중"),
    "parameters": ("Parameters", "매개변수"),
    "in_layers": ("in {n} layers", "층 {n}개"),
    "in_layer": ("in 1 layer", "층 1개"),
    "time": ("Time", "시간"),
    "per_epoch": ("{t} per epoch", "에포크당 {t}"),
    "rows": ("Rows", "행"),
    # learning curves
    "curves": ("Learning curves", "학습 곡선"),
    "no_epochs": ("No epoch was run.", "실행한 에포크가 없습니다."),
    "loss": ("Loss", "손실"),
    "learning_rate": ("Learning rate", "학습률"),
    "epoch": ("Epoch", "에포크"),
    "train": ("Training", "학습"),
    "valid": ("Validation", "검증"),
    "log_scale": ("{what}, log scale", "{what}, 로그 눈금"),
    "best_mark": ("best: {epoch}", "최적: {epoch}"),
    "best_note": (
        "The weights kept are those of epoch {epoch}.",
        "남긴 가중치는 에포크 {epoch}의 것입니다.",
    ),
    "at_best": ("At epoch {epoch}, the best", "최적 에포크 {epoch}에서"),
    "not_finite": (
        "Not finite at epoch {where} (marked × at the top edge).",
        "에포크 {where}의 값이 유한하지 않습니다 (위쪽 가장자리의 ×).",
    ),
    "curve_desc": (
        "{what} over {n} epochs. {ends}",
        "에포크 {n}개 동안의 {what}. {ends}",
    ),
    "curve_end": (
        "{series}: {first} at first, {last} at last.",
        "{series}: 처음 {first}, 마지막 {last}.",
    ),
    "every_epoch": ("Every epoch in numbers", "모든 에포크의 숫자"),
    "train_loss": ("Training loss", "학습 손실"),
    "valid_loss": ("Validation loss", "검증 손실"),
    "train_metric": ("Training {metric}", "학습 {metric}"),
    "valid_metric": ("Validation {metric}", "검증 {metric}"),
    "took": ("Time", "시간"),
    "best": ("best", "최적"),
    # results
    "results": ("Test results", "테스트 결과"),
    "confusion": ("Confusion matrix", "혼동 행렬"),
    "confusion_note": (
        "Rows are the true class, columns the predicted one. Colour is the share of the row: "
        "blue is right, orange is wrong.",
        "행은 실제 클래스, 열은 예측 클래스입니다. 색은 행에서 차지하는 비율이며 "
        "파랑은 정답, 주황은 오답입니다.",
    ),
    "confusion_large": (
        "{n} classes: too many to show as a matrix. The most frequent confusions follow.",
        "클래스가 {n}개라 행렬로 보이기에는 너무 많습니다. 가장 잦은 혼동을 보입니다.",
    ),
    "true_class": ("True class", "실제 클래스"),
    "predicted_class": ("Predicted class", "예측 클래스"),
    "cell": (
        "true: {true} · predicted: {said} · {count} of {total} ({share})",
        "실제: {true} · 예측: {said} · {total}개 중 {count}개 ({share})",
    ),
    "confusions": ("Most frequent confusions", "가장 잦은 혼동"),
    "no_confusions": ("No class was taken for another.", "혼동한 클래스가 없습니다."),
    "count": ("Count", "개수"),
    "row_share": ("Share of the true class", "실제 클래스 중 비율"),
    "per_class": ("Per class", "클래스별"),
    "class": ("Class", "클래스"),
    "precision": ("Precision", "정밀도"),
    "recall": ("Recall", "재현율"),
    "f1": ("F1", "F1"),
    "macro": ("Mean of the classes", "클래스 평균"),
    "wrong": ("Images it got wrong", "틀린 이미지"),
    "no_wrong": ("No wrong image to show.", "보일 틀린 이미지가 없습니다."),
    "wrong_some": ("{n} of {total} are shown.", "{total}개 중 {n}개를 보입니다."),
    "said": ("said", "예측"),
    "was": ("is", "실제"),
    "image_alt": (
        "Image of {true}, taken for {said} with probability {p}",
        "{true} 이미지, {said}(으)로 예측, 확률 {p}",
    ),
    "scatter": ("Predicted against true", "실제값과 예측값"),
    "scatter_desc": (
        "{n} points; on the diagonal the prediction equals the truth.",
        "점 {n}개. 대각선 위에서 예측값과 실제값이 같습니다.",
    ),
    "scatter_some": ("{n} of {total} points are drawn.", "점 {total}개 중 {n}개를 그렸습니다."),
    "true_value": ("True value", "실제값"),
    "predicted_value": ("Predicted value", "예측값"),
    "residuals": ("Residuals", "잔차"),
    "residual": ("Predicted − true", "예측값 − 실제값"),
    "residuals_desc": (
        "Histogram of predicted minus true value of {n} rows in {bins} bins; a dashed line at 0.",
        "행 {n}개의 예측값 − 실제값을 구간 {bins}개로 나눈 히스토그램. 점선은 0입니다.",
    ),
    "bin": ("{low} to {high}: {count}", "{low} – {high}: {count}개"),
    "dropped": (
        "{n} rows with a value that is not finite are left out.",
        "유한하지 않은 값이 있는 행 {n}개는 제외했습니다.",
    ),
    # the model, the data, the settings
    "model": ("Model", "모델"),
    "layer": ("Layer", "층"),
    "output_shape": ("Output shape", "출력 모양"),
    "total": ("Total", "합계"),
    "data": ("Data", "데이터"),
    "settings": ("Settings", "설정"),
    "name": ("Name", "이름"),
    "time_parts": ("Where the time went", "시간이 쓰인 곳"),
    "part": ("Part", "부분"),
    "share": ("Share", "비율"),
    "machine": ("Machine", "컴퓨터"),
    "cpu": ("Processor", "프로세서"),
    "cores": ("Cores", "코어"),
    "memory": ("Memory", "메모리"),
    "os": ("Operating system", "운영 체제"),
    # words that callers use as keys
    "accuracy": ("accuracy", "정확도"),
    "loss_name": ("loss", "손실"),
    "precision_name": ("precision", "정밀도"),
    "recall_name": ("recall", "재현율"),
    "test_rows": ("Test", "테스트"),
    "epochs": ("Epochs", "에포크"),
    "batch_size": ("Batch size", "배치 크기"),
    "lr": ("Learning rate", "학습률"),
    "seed": ("Seed", "시드"),
    "optimizer": ("Optimizer", "옵티마이저"),
    "scheduler": ("Scheduler", "스케줄러"),
    "weight_decay": ("Weight decay", "가중치 감쇠"),
    "patience": ("Patience", "인내 횟수"),
    "threads": ("Threads", "스레드"),
    "target": ("Target", "예측 대상"),
    "task": ("Task", "과제"),
    "forward": ("Forward", "순전파"),
    "backward": ("Backward", "역전파"),
    "validation": ("Validation", "검증"),
    "loading": ("Loading", "불러오기"),
    "other": ("Other", "그 밖"),
    # units
    "milliseconds": ("{n} ms", "{n}밀리초"),
    "seconds": ("{n} s", "{n}초"),
    "minutes": ("{m} min {s} s", "{m}분 {s}초"),
    "hours": ("{h} h {m} min", "{h}시간 {m}분"),
}

# Keys that callers give to settings, splits, metrics, parts and machine, and the texts they show.
KNOWN = {
    "accuracy": "accuracy",
    "f1": "f1",
    "epochs": "epochs",
    "batch_size": "batch_size",
    "lr": "lr",
    "learning_rate": "learning_rate",
    "seed": "seed",
    "optimizer": "optimizer",
    "scheduler": "scheduler",
    "weight_decay": "weight_decay",
    "patience": "patience",
    "model": "model",
    "target": "target",
    "task": "task",
    "threads": "threads",
    "forward": "forward",
    "backward": "backward",
    "validation": "validation",
    "loading": "loading",
    "data": "data",
    "other": "other",
    "train": "train",
    "valid": "valid",
    "cpu": "cpu",
    "cores": "cores",
    "memory": "memory",
    "os": "os",
    "test": "test_rows",
    "loss": "loss_name",
    "precision": "precision_name",
    "recall": "recall_name",
}
NAMES = {
    "r2": "R²",
    "mae": "MAE",
    "rmse": "RMSE",
    "mse": "MSE",
    "python": "Python",
    "numpy": "NumPy",
}  # alike in every language


class Words:
    """The texts of one language.

    >>> Words("en")("of_epochs", n=20)
    'of 20'
    """

    def __init__(self, lang: str) -> None:
        if lang not in LANGUAGES:
            raise ArgumentError(
                f"report: there is no language {lang!r}; expected one of "
                f"{', '.join(map(repr, LANGUAGES))}."
            )
        self.lang = lang
        self._column = LANGUAGES.index(lang)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of `key` with its gaps filled."""
        return TEXTS[key][self._column].format(**values)

    def label(self, name: str) -> str:
        """A caller's own name: translated where it is a common one, else as it was given."""
        if name in NAMES:
            return NAMES[name]
        return self(KNOWN[name]) if name in KNOWN else name

    def heading(self, name: str) -> str:
        """`label` as the first word of a line."""
        text = self.label(name)
        return text[0].upper() + text[1:] if name in KNOWN else text
