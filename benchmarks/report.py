"""Table."""

from benchmarks.summary import summarise


def write(store, out):
    for m, c, n, v in store.rows():
        print(f"{m:10} {c:12} {n:8} {summarise(v)}")
