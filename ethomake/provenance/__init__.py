"""What a result was made from: inputs, parameters, code and versions; kept, compared, explained, exported."""
