/**
 * Pictures of data, trainings and predictions. The subpath myelin/plot. Each function returns a
 * {@link Picture}, which is drawn as SVG, as a page, as PNG, and as text.
 */
export type { Theme } from "./colors.ts";
export { type PageOptions, type PagePart, page } from "./page.ts";
export type { HtmlOptions, Picture, PngOptions, SvgOptions, TerminalOptions } from "./picture.ts";
export { type CalibrationOptions, calibration } from "./pictures/calibration.ts";
export { type ConfusionMatrixOptions, confusionMatrix } from "./pictures/confusionMatrix.ts";
export { type TrainingCurvesOptions, type TrainingHistory, trainingCurves } from "./pictures/curves.ts";
export {
  type DecisionBoundaryOptions,
  decisionBoundary,
  type GridColumns,
  type GridPredict,
  type NetworkLike,
  type TableLike,
} from "./pictures/decisionBoundary.ts";
export { type ColumnCell, type DistributionOptions, distribution } from "./pictures/distribution.ts";
export {
  type ColumnValue,
  type ImportanceBarsOptions,
  type ImportanceSource,
  importanceBars,
} from "./pictures/importance.ts";
export { type LayerDescription, type NetworkDescription, networkDiagram } from "./pictures/network.ts";
export {
  type Dependence,
  type DependenceCurvesOptions,
  dependenceCurves,
} from "./pictures/partialDependence.ts";
export { type PredictedVsActualOptions, predictedVsActual } from "./pictures/predictedVsActual.ts";
export { type Losses, type ScatterOptions, type ScatterPoint, scatter } from "./pictures/scatter.ts";
export { precisionRecallCurve, rocCurve, type ThresholdCurveOptions } from "./pictures/thresholds.ts";
export { type LayerParameters, type WeightHistogramsOptions, weightHistograms } from "./pictures/weights.ts";
export type { Label, Numbers, PictureOptions } from "./values.ts";
