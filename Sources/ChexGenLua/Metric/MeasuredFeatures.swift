import Identity
import LuaRuntime
import Metrics

/// The features that `metric.measure` is given: tensors, or tables of radiomic features.
struct MeasuredFeatures {
    let pair: FeaturePair
    let groups: RowGroups?
    let identity: FeatureIdentity?

    init(_ arguments: LuaArguments, _ options: LuaArguments, _ settings: StatisticSettings) throws {
        let groups = try StatisticOptions.groups(options)
        switch (arguments.value("real").objectValue, arguments.value("synthetic").objectValue) {
        case (let real as TensorObject, let synthetic as TensorObject):
            pair = try FeaturePair(real.tensor, synthetic.tensor)
            self.groups = groups
            identity = try FeatureIdentity.lua(options, "identity")
        case (let real as RadiomicsTableObject, let synthetic as RadiomicsTableObject):
            let chosen = try RadiomicFeatures(
                real: real.features, synthetic: synthetic.features, protocol: settings.definition,
                isChunked: options.boolean("chunks"))
            if let groups, groups.rows != real.table.count {
                throw options.fail("groups", "wanted one for each of the \(real.table.count) rows, got \(groups.rows)")
            }
            pair = chosen.pair
            self.groups = try groups?.selecting(chosen.realRows)
            identity = real.identity(settings.definition)
        default:
            throw arguments.fail(
                "synthetic", "wanted what `real` is: features of both sets, or radiomic tables of both")
        }
    }
}
