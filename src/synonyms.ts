/** The names of Keras, PyTorch and scikit-learn for our entries and options, and for options that we lack. */

/** A line for each of our names: our name, then the names of other libraries for it, as `fold` makes them. */
const OTHERS = `
linear identity none
silu swish
tanh tansig hyperbolictangent
sigmoid logistic logsig
relu rectifier
leakyRelu lrelu leaky
gelu gelunew
dense Linear fullyconnected fc
batchNorm batchnormalization batchnorm1d
layerNorm layernormalization
gaussianNoise noise
embedding embeddings
residual skip resnet
meanSquaredError l2 squarederror
meanAbsoluteError l1 absoluteerror
huber smoothl1
quantile pinball q tau
poisson poissonnll
binaryCrossentropy bce bcewithlogits logistic log binarycrossentropywithlogits crossentropy
categoricalCrossentropy cce softmaxcrossentropy crossentropy
sparseCategoricalCrossentropy scce sparsecrossentropy nll crossentropy
accuracy acc binaryaccuracy categoricalaccuracy sparsecategoricalaccuracy
topK topkaccuracy topkcategoricalaccuracy sparsetopkcategoricalaccuracy
recall sensitivity truepositiverate
f1 fscore fbeta
rocAuc auc roc auroc aucroc
averagePrecision prauc aucpr
logLoss crossentropy binarycrossentropy categoricalcrossentropy sparsecategoricalcrossentropy
r2 rsquared coefficientofdetermination
sgd momentum gradientdescent
glorotUniform xavieruniform xavier glorot
glorotNormal xaviernormal
heUniform kaiminguniform
heNormal kaimingnormal kaiming he
lecunNormal lecun
uniform randomuniform
normal randomnormal gaussian
truncatedNormal truncnormal truncnorm
zeros zero
ones one
exponential exponentialdecay
cosine cosineannealing cosinedecay
polynomial polynomialdecay lineardecay
reduceOnPlateau reducelronplateau plateau
warmup linearwarmup
chain sequential chained
inputs inputdim inputshape inputsize infeatures nfeatures
layers hiddenlayers hiddenlayersizes
loss lossfunction lossfn criterion objective
optimizer solver optim optimiser
metrics metric scoring
precision dtype datatype mixedprecision autocast
bfloat16 bf16
float32 fp32 f32 single
clipGradients clipnorm globalclipnorm clipvalue gradientclip gradientclipping maxgradnorm
norm clipnorm maxnorm
value clipvalue
seed randomstate randomseed
units outputs outputdim outfeatures embeddingdim neurons nodes hiddenunits
categories inputdim numembeddings vocabsize
useBias bias
weightInitializer kernelinitializer embeddingsinitializer weightinit initializer
trainable requiresgrad
l2 kernelregularizer
rate p probability dropoutrate
stddev deviation std sigma standarddeviation
minimum minval minvalue low minlr etamin minlearningrate
maximum maxval maxvalue high
alpha negativeslope slope
delta beta
learningRate eta eta0 learningrateinit stepsize
epsilon eps
rho decay alpha
beta1 beta betas
initialAccumulatorValue initialaccumulator
epochs nepochs numepochs maxepochs nbepoch iterations maxiter niter tmax decaysteps totalsteps
batchSize minibatchsize
accumulate accumulategradbatches gradientaccumulation gradientaccumulationsteps accumulationsteps
sampleWeight sampleweights
classWeight classweights
validationSplit validationfraction testsize
validationData validationset evalset
schedule scheduler lrscheduler lrschedule learningrateschedule
callbacks callback
threads njobs numthreads nthreads numworkers workers usemultiprocessing
signal abortsignal
verbose verbosity
factor gamma decayrate
every stepsize decaysteps period savefreq
power exponent
patience niternochange
minDelta tol mindelta threshold
largerIsBetter mode greaterisbetter
folds cv nsplits nfolds kfolds
stratify stratified
repeats nrepeats
configurations niter ntrials trials
path filepath filename file
directory logdir
grid gridsearch
random randomsearch
halving successivehalving hyperband
keep maxtokeep
threshold thresholds cutoff
average multiclass
classes labels numclasses nclasses
names targetnames
`;

/** A line for each foreign option that we lack: its names, as `fold` makes them, and what to do instead. */
const ABSENT = `
restorebestweights restorebest: Early stopping always restores the best weights; leave it out.
savebestonly: Early stopping keeps the best weights, also in checkpoints; leave it out.
saveweightsonly: A checkpoint holds everything that a training needs; save(model, path) writes only the model.
mode: Losses and errors should fall and scores rise: the direction follows from monitor.
stepsperepoch: An epoch takes all rows; pass fewer rows, or use trainOnBatch.
validationsteps validationfreq validationbatchsize: All validation rows are measured after each epoch.
initialepoch: Epochs are counted over the model's life.
droplast: The last batch of an epoch takes the remaining rows.
warmstart: A training always continues from the model's weights; make a new model to start over.
earlystopping: Pass callbacks: [callbacks.earlyStopping()] to fit.
device: Models compute on the CPU.
precision dtype datatype mixedprecision autocast: Numbers are 32-bit floats; only new Model has the option precision, for faster training.
name: Models and layers have no names; layers are numbered from 0.
biasregularizer activityregularizer: Penalties are for weights only.
`;

/** Parts at either end of a name that say its kind or its sign: "HuberLoss", "f1_score", "neg_log_loss". */
const AFFIXES = /^neg|(loss|score|layer|activation|optimizer|initializer|scheduler|lr)$/;

/** Returns a name in lower case without separators: "leaky_relu" and "LeakyReLU" become the same name. */
const fold = (name: string) => name.replace(/[^a-z0-9]/gi, "").toLowerCase();

/** Returns "mse" for "meanSquaredError". */
const initials = (name: string) => (name.match(/^.|[A-Z]/g) ?? []).join("").toLowerCase();

const others = new Map(
  OTHERS.trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([ours, ...theirs]) => [ours, theirs]),
);

const absent = new Map(
  ABSENT.trim()
    .split("\n")
    .flatMap((line) => {
      const [names, ...reason] = line.split(": ");
      return names.split(" ").map((name) => [name, reason.join(": ")] as const);
    }),
);

/** Longer names are never looked up: a name from a file may have any length. */
export const LONGEST_NAME = 100;

/**
 * Returns those of `names` that other libraries mean by a name: a synonym, another spelling, or initials.
 * Returns several if the name means several things, and none if it is unknown.
 */
export function meantBy(name: string, names: readonly string[]): readonly string[] {
  if (name.length > LONGEST_NAME) return [];
  const folded = fold(name);
  const rules = [
    (ours: string) => others.get(ours)?.some((other) => other === name || other === folded),
    (ours: string) => fold(ours) === folded,
    (ours: string) => folded.length > 1 && initials(ours) === folded,
  ];
  for (const rule of rules) {
    const found = names.filter(rule);
    if (found.length > 0) return found;
  }
  const measured = folded.match(/^val(?:idation)?(.+)/)?.[1];
  if (measured !== undefined) {
    const plain = names.filter((ours) => /^validation./.test(ours)).map((ours) => ours.slice(10));
    return meantBy(
      measured,
      plain.map((ours) => ours[0].toLowerCase() + ours.slice(1)),
    ).map((ours) => `validation${ours[0].toUpperCase()}${ours.slice(1)}`);
  }
  const bare = folded.replace(AFFIXES, "");
  return bare === "" || bare === folded ? [] : meantBy(bare, names);
}

/** Returns a sentence that says what to do instead of a foreign option without a counterpart. */
export function whyAbsent(name: string, names: readonly string[]): string | undefined {
  if (name.length > LONGEST_NAME || meantBy(name, names).length > 0) return undefined;
  return absent.get(fold(name));
}
