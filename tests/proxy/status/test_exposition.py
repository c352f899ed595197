"""What we write is what Prometheus's own client reads."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from proxy.status import exposition
from proxy.status.exposition import Family

Read = list[tuple[str, str, str, list[tuple[str, dict[str, str], float]]]]
LINE_ENDS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""What the parser of that client takes for the end of a line, and the format does not."""
WORDS = st.text(st.characters(codec="utf-8", exclude_characters=LINE_ENDS), max_size=8)
VALUES = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(0, 2**53)


def read(text: bytes) -> Read:
    return [(family.name, family.documentation, family.type,
             [(sample.name, dict(sample.labels), sample.value) for sample in family.samples])
            for family in text_string_to_metric_families(text.decode())]


def theirs(family: object) -> Read:
    class One(Collector):
        def collect(self) -> list[object]:  # type: ignore[override]
            return [family]

    registry = CollectorRegistry(auto_describe=False)
    registry.register(One())
    return read(generate_latest(registry))


@given(WORDS, st.lists(st.tuples(VALUES, WORDS, WORDS), min_size=1, max_size=4))
def test_labelled_samples(means: str, samples: list[tuple[float, str, str]]) -> None:
    for kind, made in (("gauge", GaugeMetricFamily), ("counter", CounterMetricFamily)):
        ours = Family(kind, "b_x", means, ("one", "two"))  # type: ignore[arg-type]
        their = made("b_x", means, labels=["one", "two"])
        for value, *labels in samples:
            ours.add(value, *labels)
            their.add_metric(labels, value)
        assert read(exposition.text([ours])) == theirs(their)


@given(st.lists(st.integers(0, 9), min_size=3, max_size=3), st.floats(0, 100))
def test_histograms(counts: list[int], total: float) -> None:
    ours = Family("histogram", "b_seconds", "How long")
    ours.add_buckets((0.00005, 5.0), counts, total)
    buckets = [(bound, float(sum(counts[:last]))) for last, bound in enumerate(("5e-05", "5.0", "+Inf"), 1)]
    assert read(exposition.text([ours])) == theirs(
        HistogramMetricFamily("b_seconds", "How long", buckets=buckets, sum_value=total))


def test_a_bare_sample_and_families_in_order() -> None:
    one, other = Family("gauge", "b_one", "One"), Family("counter", "b_other", "Other")
    one.add(True)
    other.add(3)
    assert exposition.text([one, other]) == (
        b"# HELP b_one One\n# TYPE b_one gauge\nb_one 1.0\n"
        b"# HELP b_other_total Other\n# TYPE b_other_total counter\nb_other_total 3.0\n")
