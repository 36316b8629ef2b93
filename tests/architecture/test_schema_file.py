"""`graph/schema.graphql` equals the schema of the code."""

import pytest
from click.testing import CliRunner

from server.commands.cli import SCHEMA, main


@pytest.mark.skipif(not SCHEMA.exists(), reason="graph/schema.graphql has not been written yet: ./run schema --write")
def test_the_schema_file_is_what_the_code_says():
    result = CliRunner().invoke(main, ["schema", "--check"])

    assert result.exit_code == 0, result.output
