"""`graph/schema.graphql` equals the schema of the code."""

import pytest
from click.testing import CliRunner

from server.commands.cli import main
from server.commands.schema import SCHEMA_FILE


@pytest.mark.skipif(
    not SCHEMA_FILE.exists(), reason="graph/schema.graphql has not been written yet: ./run schema --write"
)
def test_schema_file_matches_the_code():
    result = CliRunner().invoke(main, ["schema", "--check"])

    assert result.exit_code == 0, result.output
