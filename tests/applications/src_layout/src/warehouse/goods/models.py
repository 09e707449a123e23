"""Goods, and the shelves that they lie on."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from warehouse.db import Base


class Shelf(Base):
    """A place for goods."""

    __tablename__ = "shelves"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(20), unique=True)
    goods: Mapped[list["Good"]] = relationship(back_populates="shelf")


class Good(Base):
    """What lies on a shelf."""

    __tablename__ = "goods"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    amount: Mapped[int] = mapped_column(default=0)
    shelf_id: Mapped[int] = mapped_column(ForeignKey("shelves.id"), index=True)
    shelf: Mapped[Shelf] = relationship(back_populates="goods")
