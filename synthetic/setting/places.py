"""Jiangxi's cities and counties, and where the industry clusters sit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class City:
    """One of the eleven cities.

    Attributes
    ----------
    weight : float
        Share of firms; Nanchang, Ganzhou and Jiujiang together 61.3 % (R051), the rest assumed.
    districts, outer, counties : tuple of str
        Units with urban firms; with both; with county and rural firms only.
    """

    name: str
    weight: float
    districts: tuple[str, ...]
    outer: tuple[str, ...]
    counties: tuple[str, ...]


def _city(name: str, weight: float, districts: str, outer: str, counties: str) -> City:
    return City(name, weight, *(tuple(part.split()) for part in (districts, outer, counties)))


CITIES = (
    _city("Nanchang", 0.245, "Donghu Xihu Qingyunpu Qingshanhu Honggutan", "Xinjian",
          "Nanchang-County Anyi Jinxian"),
    _city("Ganzhou", 0.217, "Zhanggong", "Nankang Ganxian",
          "Xinfeng Dayu Shangyou Chongyi Anyuan-County Dingnan Quannan Ningdu Yudu Xingguo "
          "Huichang Xunwu Shicheng Ruijin Longnan"),
    _city("Jiujiang", 0.141, "Lianxi Xunyang", "Chaisang",
          "Wuning Xiushui Yongxiu De'an Duchang Hukou Pengze Ruichang Gongqingcheng Lushan"),
    _city("Shangrao", 0.085, "Xinzhou", "Guangfeng Guangxin",
          "Yushan Yanshan Hengfeng Yiyang Yugan Poyang Wannian Wuyuan Dexing"),
    _city("Yichun", 0.080, "Yuanzhou", "",
          "Fengxin Wanzai Shanggao Yifeng Jing'an Tonggu Fengcheng Zhangshu Gao'an"),
    _city("Ji'an", 0.070, "Jizhou Qingyuan", "",
          "Ji'an-County Jishui Xiajiang Xingan Yongfeng Taihe Suichuan Wan'an Anfu Yongxin "
          "Jinggangshan"),
    _city("Fuzhou", 0.055, "", "Linchuan Dongxiang",
          "Nancheng Lichuan Nanfeng Chongren Le'an Yihuang Jinxi Zixi Guangchang"),
    _city("Pingxiang", 0.030, "Anyuan", "Xiangdong", "Lianhua Shangli Luxi"),
    _city("Jingdezhen", 0.027, "Changjiang Zhushan", "", "Fuliang Leping"),
    _city("Xinyu", 0.022, "Yushui", "", "Fenyi"),
    _city("Yingtan", 0.018, "Yuehu", "Yujiang", "Guixi"),
)  # fmt: skip


@dataclass(frozen=True)
class IndustryCluster:
    """An industry cluster the report names (sections 2.1 to 3.3)."""

    name: str
    trade: str
    city: str
    county: str | None = None


CLUSTERS = (
    IndustryCluster("Nankang furniture", "furniture", "Ganzhou", "Nankang"),
    IndustryCluster("Jingdezhen ceramics", "ceramics", "Jingdezhen"),
    IndustryCluster("Yichun lithium", "lithium", "Yichun"),
    IndustryCluster("Xinyu lithium", "lithium", "Xinyu"),
    IndustryCluster("Jiujiang electronics", "electronics", "Jiujiang"),
    IndustryCluster("Ji'an electronics", "electronics", "Ji'an"),
    IndustryCluster("Yingtan copper", "copper", "Yingtan"),
    IndustryCluster("Fuzhou textiles", "textiles", "Fuzhou"),
    IndustryCluster("Gannan navel orange", "navel_orange", "Ganzhou"),
    IndustryCluster("Zhangshu medicine", "medicine", "Yichun", "Zhangshu"),
    IndustryCluster("Shangrao tourism", "tourism", "Shangrao"),
)

RURAL = 2
"""Code of the rural area."""


def units(city: City, area: int) -> tuple[str, ...]:
    """County-level units of a city in which firms of an area may sit."""
    inner = city.districts + city.outer
    outer = city.counties + city.outer
    return inner if area == 0 else outer


COUNTIES = tuple(dict.fromkeys(unit for c in CITIES for unit in c.districts + c.outer + c.counties))
