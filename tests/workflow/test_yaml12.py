import pytest

from soilloss.errors import ProjectError
from soilloss.workflow import yaml12


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E3", 1000.0),
        ("-.5", -0.5),
        ("no", "no"),
        ("off", "off"),
        ("true", True),
        ("1999-01", "1999-01"),
        ("2016-01-01", "2016-01-01"),
        ("010", 10),
        ("0x1F", 31),
        ("12:30", "12:30"),
        ("~", None),
        (".inf", float("inf")),
        ("1_000", "1_000"),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    assert yaml12.parse(f"key: {text}") == {"key": value}


def test_word_as_key_stays_a_word():
    assert yaml12.parse("no: 1") == {"no": 1}


def test_repeated_key_names_line():
    with pytest.raises(ProjectError, match=r"p.yml: line 2, column 1 .*'a' is given twice"):
        yaml12.parse("a: 1\na: 2", "p.yml")


def test_broken_yaml_is_one_sentence():
    with pytest.raises(ProjectError, match="cannot be read as YAML"):
        yaml12.parse("a: [1\nb: 2")


def test_environment_variables(tmp_path, monkeypatch):
    file = tmp_path / "p.yml"
    file.write_text("data: ${SL_DATA}/x\nlist: ['${SL_DATA}', 1]\n", encoding="utf-8")
    monkeypatch.setenv("SL_DATA", "/d")
    assert yaml12.read(file) == {"data": "/d/x", "list": ["/d", 1]}
    monkeypatch.delenv("SL_DATA")
    with pytest.raises(ProjectError, match="no environment variable SL_DATA"):
        yaml12.read(file)


def test_byte_order_mark_is_no_matter(tmp_path):
    file = tmp_path / "p.yml"
    file.write_text("name: x", encoding="utf-8-sig")
    assert yaml12.read(file) == {"name": "x"}


@pytest.mark.parametrize(
    ("content", "words"), [(b"\xff\xfe\x00", "not a text file"), (b"- 1", "holds list"), (b"", "holds NoneType")]
)
def test_what_is_no_project_file(tmp_path, content, words):
    file = tmp_path / "p.yml"
    file.write_bytes(content)
    with pytest.raises(ProjectError, match=words):
        yaml12.read(file)


def test_missing_file_names_the_way_out(tmp_path):
    with pytest.raises(ProjectError, match="soilloss new"):
        yaml12.read(tmp_path / "absent.yml")
