"""Pictures of any sort, as arrays of pixels.

    modality.py      what tfgen asks of pictures, answered here or by the other files
    scan.py          which files of a folder are pictures
    folder.py        a folder of pictures, decoded side by side into a prepared file
    decode.py        one file to pixels, whatever its format
    labels.py        prompts from sub-folders, or from a captions.csv
    array_files.py   .npy and .npz
    array_labels.py  prompts from the labels beside an array
    idx.py           the format of MNIST
    tfds.py          sets of TensorFlow Datasets
    in_memory.py     numpy arrays and tf.data.Datasets, and the file that a run keeps of them
    value_range.py   what black and white are in the numbers of a set
    sizes.py         the size that pictures are prepared with; the settings, checked
    assemble.py      what is common to all sources: sized, coloured, looked at once more
    examples.py      what a fit gets
    codec.py         pixels inside and outside a model
    preview.py       PNGs with their settings inside, grids, and pictures in a page
    embedded/        handwritten digits that come with tfgen
    app/             worked examples that load a TFLite file
"""
