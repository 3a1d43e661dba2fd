"""The catalog of named filters: coefficients as data, each with its source."""

from collections.abc import Mapping

from convcli.kernels import builders
from convcli.kernels.builders import CatalogEntry, Choice, Option, fixed_kernel
from convcli.kernels.filter import Combination

__all__ = ["CATALOG"]
LAPLACIAN = ((0, 1, 0), (1, -4, 1), (0, 1, 0))
LAPLACIAN_8 = ((1, 1, 1), (1, -8, 1), (1, 1, 1))
SHARPEN = ((0, -1, 0), (-1, 5, -1), (0, -1, 0))
EMBOSS = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))
KIRSCH = ((-3, -3, 5), (-3, 0, 5), (-3, -3, 5))
ROBINSON = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))

DUDA_HART = "R. Duda and P. Hart, Pattern Classification and Scene Analysis (1973), pp. 271-272"
PREWITT = (
    "J. M. S. Prewitt, Object enhancement and extraction, in Picture Processing and Psychopictorics (1970)"
)
SOBEL = (
    f"I. Sobel and G. Feldman, A 3x3 isotropic gradient operator for image processing (1968), in {DUDA_HART}"
)
SCHARR = "H. Scharr, Optimal operators in digital image processing, thesis, Heidelberg (2000)"
ROBERTS = "L. G. Roberts, Machine perception of three-dimensional solids, thesis, MIT (1963)"
FREI_CHEN = (
    "W. Frei and C. Chen, Fast boundary detection, IEEE Trans. Computers C-26 (1977), without its 1/(2√2)"
)
COMPASS = "R. Kirsch, Computer determination of the constituent structure of biological images (1971)"
ROBINSON_1977 = "G. S. Robinson, Edge detection by compass gradient masks, CGIP 6 (1977)"
MARR_HILDRETH = "D. Marr and E. Hildreth, Theory of edge detection, Proc. R. Soc. Lond. B 207 (1980)"
DAUGMAN = "J. Daugman, Uncertainty relation for resolution in space, JOSA A 2 (1985)"
GONZALEZ_WOODS = "R. Gonzalez and R. Woods, Digital Image Processing, 4th ed. (2018), ch. 3"
NG = "A. Ng, Convolutional Neural Networks (2017), edge detection example"


# The catalog --------------------------------------------------------------------------------------------

ANGLE = Option("direction of the derivative in degrees, counter-clockwise from x", None)
SIZE_3_5_7 = Option("kernel size", 3, 3, 7, integer=True, odd=True)
ODD_SIZE = Option("kernel size; default: computed from sigma", None, 1, 1023, integer=True, odd=True)
SIGMA = Option("standard deviation in pixels", 1.0, 0.05, 1000)

NORM = Choice(
    "magnitude of the gradient: l2 is sqrt(x² + y²), l1 is |x| + |y|, max is the larger of |x| and |y|",
    "l2",
    {
        "l1": Combination.ABSOLUTE_SUM,
        "l2": Combination.MAGNITUDE,
        "max": Combination.ABSOLUTE_MAXIMUM,
    },
)


def _family(family: str, title: str, source: str, *, sizes: bool = False) -> list[CatalogEntry]:
    sized: dict[str, Option | Choice] = {"size": SIZE_3_5_7} if sizes else {}
    axes = "along x", "along y"
    directions = "to the right: vertical edges", "downward: horizontal edges"
    if family == "roberts":
        axes = "toward the lower right", "toward the lower left"
        directions = "down to the right", "down to the left"
    entries = [
        CatalogEntry(
            f"{family}-{axis}",
            f"{title} derivative {axes[index]}",
            f"brightness growing {direction}",
            source,
            builders.derivatives(family, index),
            sized | ({"angle": ANGLE} if axis == "x" else {}),
            steered_title=title if axis == "x" else "",
        )
        for index, (axis, direction) in enumerate(zip("xy", directions, strict=True))
    ]
    if family != "freichen":
        entries.append(
            CatalogEntry(
                family,
                f"{title} gradient magnitude",
                "edges in every direction, by their strength",
                source,
                builders.derivatives(family, 0, 1),
                sized | {"angle": ANGLE, "norm": NORM},
                Combination.MAGNITUDE,
                steered_title=title,
            )
        )
    return entries


_ENTRIES = [
    CatalogEntry(
        "vertical",
        "the textbook's vertical-edge filter",
        "brightness falling to the right: vertical edges, bright to dark",
        f"{NG}; {PREWITT}, negated",
        builders.derivatives("textbook", 0),
        {"angle": ANGLE},
        steered_title="textbook",
    ),
    CatalogEntry(
        "horizontal",
        "the textbook's horizontal-edge filter",
        "brightness falling downward: horizontal edges, bright to dark",
        f"{NG}; {PREWITT}, negated",
        builders.derivatives("textbook", 1),
    ),
    *_family("prewitt", "Prewitt", f"{PREWITT}; larger sizes fit a plane by least squares", sizes=True),
    *_family("sobel", "Sobel", f"{SOBEL}; larger sizes use binomial smoothing", sizes=True),
    *_family("scharr", "Scharr", SCHARR),
    *_family("roberts", "Roberts cross", f"{ROBERTS}; signs chosen to be positive where brightness grows"),
    *_family("freichen", "Frei-Chen", FREI_CHEN),
    CatalogEntry(
        "laplacian",
        "Laplacian of the four neighbors",
        "dark spots and the dark side of edges (positive), bright ones (negative)",
        GONZALEZ_WOODS,
        fixed_kernel(LAPLACIAN),
    ),
    CatalogEntry(
        "laplacian-8",
        "Laplacian of the eight neighbors",
        "dark spots and the dark side of edges (positive), bright ones (negative)",
        GONZALEZ_WOODS,
        fixed_kernel(LAPLACIAN_8),
    ),
    CatalogEntry(
        "kirsch",
        "Kirsch compass: strongest of eight directions",
        "edges in every direction, by the strongest of eight responses",
        COMPASS,
        builders.compass_kernels(KIRSCH),
        combination=Combination.STRONGEST,
    ),
    CatalogEntry(
        "robinson",
        "Robinson compass: strongest of eight directions",
        "edges in every direction, by the strongest of eight responses",
        ROBINSON_1977,
        builders.compass_kernels(ROBINSON),
        combination=Combination.STRONGEST,
    ),
    CatalogEntry(
        "log",
        "Laplacian of Gaussian",
        "dark blobs of radius √2·sigma (positive), bright ones (negative); zero at edges",
        MARR_HILDRETH,
        builders.laplacian_of_gaussian,
        {"sigma": SIGMA, "size": ODD_SIZE},
    ),
    CatalogEntry(
        "dog",
        "difference of two Gaussians",
        "dark blobs (positive), bright ones (negative): close to log",
        f"{MARR_HILDRETH}, ratio 1.6",
        builders.difference_of_gaussians,
        {
            "sigma": SIGMA,
            "ratio": Option("wide sigma divided by narrow sigma", 1.6, 1.001, 100),
            "size": ODD_SIZE,
        },
    ),
    CatalogEntry(
        "gaussian",
        "Gaussian blur",
        "nothing: it smooths (without sigma, with binomial weights)",
        GONZALEZ_WOODS,
        builders.gaussian,
        {
            "sigma": Option("standard deviation in pixels", None, 0.05, 1000),
            "size": Option(
                "kernel size: any odd number with sigma; 3, 5 or 7 without it",
                None,
                1,
                1023,
                integer=True,
                odd=True,
            ),
        },
        divisor=lambda options: 1 if "sigma" in options else int(4 ** (builders.kernel_size(options, 3) - 1)),
    ),
    CatalogEntry(
        "box",
        "mean of the window",
        "nothing: it smooths",
        GONZALEZ_WOODS,
        builders.box,
        {"size": Option("kernel size", 3, 1, 1024, integer=True)},
        divisor=lambda options: builders.kernel_size(options, 3) ** 2,
    ),
    CatalogEntry(
        "sharpen",
        "image minus its Laplacian",
        "edges and detail, which it exaggerates; it keeps flat areas",
        GONZALEZ_WOODS,
        fixed_kernel(SHARPEN),
    ),
    CatalogEntry(
        "emboss",
        "relief lit from the upper left",
        "slopes that rise to the lower right, which it brightens; it keeps flat areas",
        "Common practice, as in the GIMP manual, Convolution Matrix",
        fixed_kernel(EMBOSS),
    ),
    CatalogEntry(
        "identity", "the image itself", "everything, unchanged", GONZALEZ_WOODS, fixed_kernel(((1,),))
    ),
    CatalogEntry(
        "gabor",
        "Gabor: a wave under a Gaussian; zero sum, positive coefficients add up to 1",
        "stripes of its wavelength, perpendicular to its direction",
        DAUGMAN,
        builders.gabor,
        {
            "wavelength": Option("pixels per period", 8.0, 2, 1000),
            "angle": Option("direction of the wave in degrees, counter-clockwise from x", 0.0),
            "sigma": Option(
                "standard deviation along the wave in pixels; default: 0.56 times the wavelength",
                None,
                0.05,
                1000,
            ),
            "aspect": Option("sigma along the wave divided by sigma across it", 0.5, 0.05, 20),
            "phase": Option("phase in degrees: 0 is even, 90 is odd", 0.0),
            "size": ODD_SIZE,
        },
    ),
]

CATALOG: Mapping[str, CatalogEntry] = {entry.name: entry for entry in _ENTRIES}
"""Every named filter, by name."""
