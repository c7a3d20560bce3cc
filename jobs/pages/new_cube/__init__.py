"""The page "New cube": a form that becomes a cube generation request."""
