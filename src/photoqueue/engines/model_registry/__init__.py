"""Detection models by name: those that photoqueue knows, and those that a user registers.

Both are described in the same format. What photoqueue knows is ``known.toml`` beside this
module; a user's own models stand in ``PHOTOQUEUE_HOME/models.toml`` or any
``PHOTOQUEUE_HOME/models/*.toml``::

    [models.our-rooms]
    path = "our-rooms.onnx"         # a file; relative to the folder of this TOML file

    [models.our-rooms-2]
    address = "https://files.example/our-rooms-2.onnx"      # for `photoqueue models pull`
    classes = "labels.txt"
    threshold = 0.4

==============  ===============================================================================
key             meaning
==============  ===============================================================================
``path``        the model file; without it, it is ``PHOTOQUEUE_HOME/models/NAME.onnx``
``address``     where to fetch it: one http(s) address, or a list to be tried in turn
``size``        bytes of the file at the address
``sha256``      digest of the file, or a list of those that are all right
``licence``     shown by ``photoqueue models list``
``classes``     ``coco``, ``objects365``, or a text file with one class name a line, in the order
                of the model's class numbers; an empty line is a number that means nothing. A
                name is a catalogue key, or a class name of COCO or Objects365. Without it,
                the number of classes must be that of COCO or Objects365
``threshold``   score, 0…1, below which things are not reported; ``PHOTOQUEUE_SCORE_THRESHOLD``
                wins over it
``note``        a few words, shown by ``photoqueue models list``
==============  ===============================================================================

An entry needs a ``path`` or an ``address``, or its file in ``PHOTOQUEUE_HOME/models/``. One
that has the name of a model that photoqueue knows takes its place.
"""
