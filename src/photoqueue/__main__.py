"""``python -m photoqueue`` is the command ``photoqueue``."""

from photoqueue.faces.cli import main, spare_garbage_collection

if __name__ == "__main__":
    main()
else:
    # In the processes of a worker, where multiprocessing runs this module under another name.
    spare_garbage_collection()
