"""From the operations of a model file to the stages of a network.

What each axis of an array is (`layouts`) follows from the layers that read it (`values`), also through views
(`views`). Each operation that is no view becomes a stage (`stage_list`); `lowering` chooses which.
"""
