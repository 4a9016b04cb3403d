"""Small tools of the book."""

from sangja.books.lincoln.utils import np_utils
