"""What can be wrong with a file: each says which file, where in it, and what to do."""

from topline.units.errors import ToplineError
from topline.units.text import N_


class FileError(ToplineError):
    """The base of all that a file can be refused for; `params` hold file and, where known, row and column."""

    message = N_("“%(file)s” can't be read.")


class UnreadableFileError(FileError):
    """What no choice of columns mends: the file has to be brought anew."""


class EmptyFileError(UnreadableFileError):
    message = N_("“%(file)s” holds no rows below its headings. Export it again and choose a file with orders in it.")


class NoBytesError(EmptyFileError):
    message = N_("“%(file)s” is empty: it has no content at all. Download or export it again.")


class FileTypeError(UnreadableFileError):
    message = N_(
        "“%(file)s” isn't a table: it looks like %(found)s. Bring a CSV, TSV, XLSX, Parquet or JSON lines file, "
        "as it is or packed as .gz or .zip."
    )


class HalfFileError(UnreadableFileError):
    message = N_("“%(file)s” breaks off at row %(row)s: %(detail)s. Download or export it again; it was cut short.")


class CutFileError(HalfFileError):
    message = N_("“%(file)s” can't be read to its end: %(detail)s. Download or export it again; it was cut short.")


class ArchiveError(UnreadableFileError):
    message = N_(
        "“%(file)s” should hold exactly one file and holds %(count)s. Unpack it and bring the files one by one."
    )


class PackedTooTightError(UnreadableFileError):
    message = N_(
        "“%(file)s” unpacks to more than %(ratio)s times its size, as no real table does; reading stopped at "
        "%(size)s MB. Unpack it yourself and look at it before you bring it."
    )


class TooLargeError(UnreadableFileError):
    message = N_("“%(file)s” is larger than %(size)s MB when unpacked. Split it by month and bring the parts.")


class TooManyColumnsError(UnreadableFileError):
    message = N_(
        "“%(file)s” has %(count)s columns; at most %(most)s can be read. Export it again without those that nobody needs."
    )


class LineTooLongError(UnreadableFileError):
    message = N_(
        "Row %(row)s of “%(file)s” is longer than %(size)s MB. A quotation mark that never closes or a file that "
        "isn't a table does this; mend or remove that row."
    )


class NulByteError(UnreadableFileError):
    message = N_(
        "Row %(row)s, column %(column)s of “%(file)s” holds a NUL character, which no text has. Export the file again "
        "as UTF-8 text."
    )


class EncodingError(UnreadableFileError):
    message = N_(
        "Row %(row)s of “%(file)s” isn't text in any known encoding. Save the file as UTF-8 and bring it again."
    )


class MergedHeadingsError(UnreadableFileError):
    message = N_(
        "Row %(row)s of “%(file)s” holds the headings, and column %(column)s has none of its own: cells are merged. "
        "Unmerge them and give each column its own heading."
    )


class DoubleHeadingError(UnreadableFileError):
    message = N_("“%(file)s” names column %(column)s twice in row %(row)s. Rename one of the two.")


class LayoutError(FileError):
    message = N_(
        "“%(file)s” was not recognised: no column for %(missing)s was found. Say which column it is, or add it to "
        "the export."
    )


class NoHeadingsError(LayoutError):
    message = N_(
        "“%(file)s” has no headings: its first row is a record already, and what the columns hold doesn't tell which is "
        "%(missing)s. Add a first row with a name for each column, such as Order, Date, Product code, Quantity and Price, or "
        "say which column is what: they are called column 1 to column %(columns)s."
    )


class UnfitColumnError(LayoutError):
    message = N_(
        "Column %(column)s of “%(file)s” is called like %(field)s but holds values such as “%(value)s”. Write dates as "
        "2027-01-31 and numbers in digits, or say which columns are what."
    )


class MixedDatesError(FileError):
    message = N_(
        "Column %(column)s of “%(file)s” writes dates in more than one way: most as %(layout)s, but not in rows "
        "%(rows)s. "
        "Write all of them the same way, best as 2027-01-31."
    )


class MixedNumbersError(FileError):
    message = N_(
        "Column %(column)s of “%(file)s” writes some numbers with a decimal comma and some with a decimal point, as in "
        "rows %(rows)s. Write all of them the same way."
    )


class UnreadableColumnError(FileError):
    message = N_(
        "Column %(column)s of “%(file)s” is read as %(field)s, but “%(value)s” in row %(row)s can't be. "
        "Write all its values alike, or choose another column."
    )


class OtherCurrencyError(FileError):
    message = N_(
        "Column %(column)s of “%(file)s” holds amounts in %(currency)s, such as “%(value)s” in row %(row)s, and the shop "
        "keeps its books in %(own)s. Add a column Currency with the code of each row, or export amounts in %(own)s."
    )


class UnknownColumnError(FileError):
    message = N_("“%(file)s” has no column %(column)s. Its columns are: %(columns)s.")


class UnknownFieldError(FileError):
    message = N_(
        "A column of “%(file)s” was chosen for %(field)s, and there is no such field. Did you mean %(nearest)s?"
    )


class ProfileError(ToplineError):
    message = N_("“%(text)s” is not a rule of a ledger profile: %(detail)s.")
