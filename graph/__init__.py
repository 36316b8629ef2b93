"""The public schema: types, descriptions, inputs and root fields; no behaviour."""
