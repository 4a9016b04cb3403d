"""The book's `common/multi_layer_net_extend.py`."""

from sangja.books.scratch.multi_layer_net import MultiLayerNetExtend as MultiLayerNetExtend
