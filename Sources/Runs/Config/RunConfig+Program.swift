import Files

extension RunConfig {
    /// Compares the program that a `run.yaml` names with the one that is running; a config that names none takes any.
    /// - Throws: `RunsError.program` with each difference.
    public func check(_ program: ProgramIdentity) throws {
        let differences = programDifferences(program)
        if !differences.isEmpty { throw RunsError.program(run: path, differences: differences) }
    }

    /// In what the program that a `run.yaml` names, or one that computed a part of the run, differs from the one that is
    /// running, a line each.
    public func programDifferences(_ program: ProgramIdentity) -> [String] {
        if provenance == .null { return [] }
        let manifests = Paths.folder(path) + "/" + Pins.manifestFolder
        var differences = program.differences(from: provenance, manifests: manifests)
        for earlier in provenance["earlier"]?.array ?? [] {
            differences += program.differences(from: earlier, manifests: manifests).map {
                "for a part of the run, \($0)"
            }
        }
        return differences
    }
}
