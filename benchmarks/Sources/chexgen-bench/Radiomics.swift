import Radiomics

/// `FILE…`: the features of image files, images in parallel; every number of every file, in their order.
func benchRadiomics(_ arguments: [String]) throws {
    guard !arguments.isEmpty else { throw Usage() }
    let extractor = RadiomicsExtractor()
    try serve {
        try extractor.features(paths: arguments).flatMap { result in
            let features = try result.get()
            return features.diagnostics + features.values
        }
    }
}
