import Testing

@Suite struct DatasetsPlaceholder {}
