"""Keras models: ``.keras`` archives, and the JSON of ``model.to_json()``, in the formats of Keras 3 and 2.

Only the configuration is read (`loading`): which layers there are (`configuration`), and how they are
connected (`graphs`). It is then run for an input of given shapes (`running`): every layer computes its output
shape and reports what it does (`recording`). Weights are never opened, and code in a file is never executed.

Source: the configurations of keras.layers, keras.io/api/layers, and Keras's ``saving/serialization_lib.py``.
"""
