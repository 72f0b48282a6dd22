import Files
import Foundation
import Runs

/// A run on disk beside the experiment and the program that there are now.
public struct RunView {
    /// What the run's folder holds.
    public let details: RunDetails
    /// The parameters that are not the experiment's defaults, by dotted name; all where the experiment is not at hand.
    public let settings: [(name: String, value: JSON)]
    /// Why `settings` holds all parameters; nil where it does not.
    public let missingDefaults: String?
    /// In what the program of the run differs from this one.
    public let programDifferences: [String]

    /// Reads the run in a folder; `build` is the hash of this program's sources.
    /// - Throws: as `RunDetails`.
    public init(_ path: String, build: String) throws {
        details = try RunDetails(path)
        let config = details.config
        let all = ExperimentOutline.leaves(config.params.value)
        do {
            let outline = try ExperimentOutline(
                script: config.experiment, folder: config.folder, path: config.experiment)
            let defaults = Dictionary(uniqueKeysWithValues: outline.parameters.map { ($0.name, $0.standard) })
            settings = all.filter { defaults[$0.name] != $0.value }
            missingDefaults = nil
        } catch {
            settings = all
            missingDefaults = String(describing: error)
        }
        let home = Paths.folder(config.experiment)
        let program = try ProgramIdentity.current(build: build, library: ScriptLocations.library(near: home))
        programDifferences = config.programDifferences(program)
    }
}
