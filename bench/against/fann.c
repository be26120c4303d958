/* FANN: fann <folder of the work>, for works with SGD in order. Compile with
 *
 *     gcc -O3 -march=native -DVERSION='"2.2.0"' fann.c -lfloatfann -lm -o fann
 *
 * A step is an epoch of FANN's batch training over the rows of one mini-batch. It averages their gradients.
 * FANN has squared errors only, so classifiers learn from a column per class. It has no ReLU; the closest
 * activation is the linear piece, which is limited to 1. The article's start, uniform in [0, 1), would put
 * all units at that limit, so that run starts in [-0.2, 0.2), as brain.js does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <floatfann.h>

enum { MOST_LAYERS = 8, TEXT = 1 << 14 };

struct work {
    unsigned rows, batch_size, epochs, checked, layers, widths[MOST_LAYERS];
    unsigned target_columns; /* in the file: 1 for class numbers */
    int starts_anew;         /* ignores the work's start values */
    float learning_rate;
    float *x, *y, *parameters;
};

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "not as expected");
    exit(1);
}

/* Reads a whole file and appends a zero. Stores its size in `bytes`. */
static char *read_file(const char *folder, const char *name, size_t *bytes) {
    char path[TEXT];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) fail(path);
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *content = calloc(*bytes + 1, 1);
    if (!content || fread(content, 1, *bytes, file) != *bytes) fail(path);
    fclose(file);
    return content;
}

/* Returns the text after a name in work.json. ../data.js writes that file, so this needs no JSON parser. */
static const char *field(const char *json, const char *name) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *at = strstr(json, quoted);
    if (!at) fail(name);
    return at + strlen(quoted);
}

static struct work read_work(const char *folder) {
    struct work work = {0};
    size_t bytes;
    char *json = read_file(folder, "work.json", &bytes);
    work.rows = (unsigned)atoi(field(json, "rows"));
    work.batch_size = (unsigned)atoi(field(json, "batchSize"));
    work.epochs = (unsigned)atoi(field(json, "epochs"));
    work.checked = (unsigned)atoi(field(json, "checked"));
    work.learning_rate = (float)atof(field(json, "learningRate"));
    work.starts_anew = strncmp(field(json, "data"), "\"xor\"", 5) == 0;
    const char *at = field(json, "widths");
    do {
        if (work.layers == MOST_LAYERS) fail("widths");
        work.widths[work.layers++] = (unsigned)strtoul(at + 1, (char **)&at, 10);
    } while (*at == ',');
    work.x = (float *)read_file(folder, "x.f32", &bytes);
    work.y = (float *)read_file(folder, "y.f32", &bytes);
    work.target_columns = (unsigned)(bytes / sizeof(float) / work.rows);
    work.parameters = (float *)read_file(folder, "parameters.f32", &bytes);
    free(json);
    return work;
}

/* Returns a set of examples for each mini-batch. */
static struct fann_train_data **read_batches(const struct work *work) {
    const unsigned inputs = work->widths[0], outputs = work->widths[work->layers - 1];
    struct fann_train_data **batches = calloc(work->rows / work->batch_size, sizeof *batches);
    for (unsigned row = 0; row < work->rows; row++) {
        const unsigned batch = row / work->batch_size, at = row % work->batch_size;
        if (at == 0) batches[batch] = fann_create_train(work->batch_size, inputs, outputs);
        memcpy(batches[batch]->input[at], work->x + (size_t)row * inputs, inputs * sizeof(float));
        const float *targets = work->y + (size_t)row * work->target_columns;
        for (unsigned output = 0; output < outputs; output++) {
            const int is_class = work->target_columns < outputs;
            batches[batch]->output[at][output] =
                is_class ? (float)((unsigned)targets[0] == output) : targets[output];
        }
    }
    return batches;
}

/* FANN numbers the neurons through all layers, and each layer ends with its bias neuron. It lists the
 * connections by their target neuron, the bias last. Except for the biases, parameters.f32 has this order. */
static void set_start(struct fann *net, const struct work *work) {
    float *weight = net->weights;
    const float *values = work->parameters;
    srand(2);
    for (unsigned layer = 1; layer < work->layers; layer++) {
        const unsigned inputs = work->widths[layer - 1], outputs = work->widths[layer];
        const float *biases = values + (size_t)outputs * inputs;
        for (unsigned output = 0; output < outputs; output++, values += inputs) {
            for (unsigned input = 0; input < inputs; input++) *weight++ = values[input];
            *weight++ = biases[output];
        }
        values = biases + outputs;
    }
    if (!work->starts_anew) return;
    for (float *any = net->weights; any < weight; any++) *any = 0.4f * (float)rand() / (float)RAND_MAX - 0.2f;
}

static struct fann *fresh_net(const struct work *work) {
    struct fann *net = fann_create_standard_array(work->layers, work->widths);
    if (!net) fail("fann_create_standard_array");
    fann_set_training_algorithm(net, FANN_TRAIN_BATCH);
    fann_set_train_error_function(net, FANN_ERRORFUNC_LINEAR);
    /* The article's gradient is that of the squared error, FANN's that of half of it. */
    fann_set_learning_rate(net, 2 * work->learning_rate / (float)work->widths[work->layers - 1]);
    fann_set_activation_function_hidden(net, FANN_LINEAR_PIECE);
    fann_set_activation_steepness_hidden(net, 1);
    fann_set_activation_function_output(net, FANN_LINEAR);
    fann_set_activation_steepness_output(net, 1);
    set_start(net, work);
    return net;
}

/* Trains one epoch. Returns the mean squared error of the rows, each measured before the row's own step. */
static double epoch(struct fann *net, const struct work *work, struct fann_train_data **batches) {
    const unsigned steps = work->rows / work->batch_size;
    double sum = 0;
    for (unsigned step = 0; step < steps; step++) sum += fann_train_epoch(net, batches[step]);
    return sum / steps;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void check(const struct work *work, struct fann_train_data **batches) {
    struct fann *net = fresh_net(work);
    double loss = 0;
    for (unsigned done = 0; done < work->checked; done++) loss = epoch(net, work, batches);
    printf("{\"value\": %.9g}\n", loss);
    fann_destroy(net);
}

/* Trains fresh nets. Only the epochs are timed. */
static void run(const struct work *work, struct fann_train_data **batches, double enough) {
    double seconds = 0;
    unsigned long steps = 0;
    while (seconds < enough) {
        struct fann *net = fresh_net(work);
        for (unsigned done = 0; done < work->epochs && seconds < enough; done++) {
            const double start = now();
            epoch(net, work, batches);
            seconds += now() - start;
            steps += work->rows / work->batch_size;
        }
        fann_destroy(net);
    }
    printf("{\"steps\": %lu, \"seconds\": %.9g}\n", steps, seconds);
}

int main(int count, char **arguments) {
    if (count != 2) fail("fann <folder of the work>");
    const struct work work = read_work(arguments[1]);
    struct fann_train_data **batches = read_batches(&work);
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "check", 5) == 0) check(&work, batches);
        else if (strncmp(line, "run ", 4) == 0) run(&work, batches, atof(line + 4));
        else if (strncmp(line, "version", 7) == 0) printf("{\"version\": \"%s\"}\n", VERSION);
        else fail(line);
        fflush(stdout);
    }
    return 0;
}
